package peers

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
)

var (
	errNoAnswer  = errors.New("it did not answer in time")
	errTooLong   = errors.New("its answer is longer than may be")
	errAskedBusy = errors.New("as many requests to other nodes are under way as may be")
)

// Ask has another node answer r, and returns its answer, of at most limit bytes. It waits as long as r's context
// allows. It is for this node's own requests that the other node answers at once; the answer's headers are not
// returned.
func (p *Peers) Ask(r *http.Request, node string, limit int) (status int, body []byte, err error) {
	answer := &kept{header: http.Header{}, limit: limit}
	defer func() {
		if broken := recover(); broken != nil { // net/http panics so where an answer ended in the middle
			err = fmt.Errorf("asking node %s: %w", node, errNoAnswer)
			if answer.over {
				err = fmt.Errorf("asking node %s: %w", node, errTooLong)
			} else if broken != http.ErrAbortHandler { //nolint:errorlint // it is a panic's value
				panic(broken)
			}
		}
	}()
	if err := p.forward(answer, r, node, false); err != nil { //nolint:contextcheck // r's
		return 0, nil, err
	}
	switch {
	case answer.over:
		return 0, nil, fmt.Errorf("asking node %s: %w", node, errTooLong)
	case answer.status == 0 || r.Context().Err() != nil:
		return 0, nil, fmt.Errorf("asking node %s: %w", node, errNoAnswer)
	case answer.status == http.StatusServiceUnavailable && answer.body.String() == errNoRoom.Error():
		return 0, nil, fmt.Errorf("asking node %s: %w", node, errAskedBusy)
	}
	return answer.status, answer.body.Bytes(), nil
}

// kept is an answer in memory.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
	limit  int
	over   bool
}

func (k *kept) Header() http.Header { return k.header }

func (k *kept) WriteHeader(status int) {
	if k.status == 0 && status >= http.StatusOK {
		k.status = status
	}
}

func (k *kept) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	if k.over = k.over || k.body.Len()+len(b) > k.limit; k.over {
		return 0, errTooLong
	}
	return k.body.Write(b) //nolint:wrapcheck // it fails never
}
