package signalr

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"
)

// ErrTooManyResults is what [Conn.Invoke] returns where Config.MaximumStreams results of the client are awaited
// already.
var ErrTooManyResults = errors.New("too many results of the client are awaited")

// awaited are the results that are awaited from a connection's client. The zero value awaits none.
type awaited struct {
	mu      sync.Mutex
	last    uint64
	pending map[string]chan<- clientResult // by invocation id; each holds one
}

type clientResult struct {
	value json.RawMessage
	err   error
}

// add gives the result an id. It begins with an s, as in .NET, which keeps it apart from ids that clients choose.
func (a *awaited) add(result chan<- clientResult, limit int) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) >= limit {
		return "", ErrTooManyResults
	}
	if a.pending == nil {
		a.pending = make(map[string]chan<- clientResult)
	}
	a.last++
	id := "s" + strconv.FormatUint(a.last, 10)
	a.pending[id] = result
	return id, nil
}

// remove returns nil where no call of Invoke waits for id.
func (a *awaited) remove(id string) chan<- clientResult {
	a.mu.Lock()
	defer a.mu.Unlock()
	result := a.pending[id]
	delete(a.pending, id)
	return result
}
