package torture

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

// tracker is the record of one client's processed events of one group, and its cursor.
type tracker struct {
	client    string
	group     event.Group
	delivered *atomic.Int64 // over all clients
	verdict   *verdict

	mu          sync.Mutex
	cursor      *uuid.UUID // the next resume names it; nil: from now on
	after       int64      // the sequence behind which the client joined
	sequence    int64      // of the last event
	deliveries  []checker.Delivery
	connections []int
	revocations []revocation
	trouble     string // the latest trouble, for the report on a client that does not get to the end
}

// revocation is a period during which the client must receive nothing that was relayed behind the revocation.
type revocation struct {
	eventID uuid.UUID // of the AccessRevoked event
	until   int       // see [checker.Revocation]
}

func (t *tracker) find(kind checker.Kind, id uuid.UUID, expected, got string) {
	t.verdict.add(checker.Finding{
		Kind: kind, Client: t.client, Group: t.group.String(), EventID: id, Expected: expected, Got: got,
	})
}

// process records an event.
func (t *tracker) process(method string, arguments []json.RawMessage, id uuid.UUID, sequence int64) error {
	content, from, err := readContent(method, arguments)
	if err != nil {
		return err
	}
	if from != "" {
		if o, err := parseOrigin(from); err != nil {
			t.find(checker.WrongContent, id, "an origin", from)
		} else if now := time.Now().UnixMicro(); now < o.notBefore() {
			t.find(checker.Early, id, fmt.Sprintf("no event before %d", o.notBefore()), fmt.Sprintf("it at %d", now))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deliveries = append(t.deliveries, checker.Delivery{EventID: id, Sequence: sequence, Content: content})
	t.cursor, t.sequence = &id, sequence
	t.delivered.Add(1)
	return nil
}

// connected notes that the next events come by another connection.
func (t *tracker) connected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connections = append(t.connections, len(t.deliveries))
}

// joined stores the position of a client that asked for events from now on.
func (t *tracker) joined(last uuid.UUID, sequence int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cursor == nil {
		t.cursor, t.after, t.sequence = &last, sequence, sequence
	}
}

func (t *tracker) gap(sequence int64) {
	t.find(checker.Gap, uuid.Nil, fmt.Sprintf("what follows %d", t.place()),
		fmt.Sprintf("a gap, and live from %d on", sequence))
}

func (t *tracker) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trouble = err.Error()
}

func (t *tracker) place() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sequence
}

// revoked notes that a revocation has been in force until now.
func (t *tracker) revoked(id uuid.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revocations = append(t.revocations, revocation{id, len(t.deliveries)})
}

// record returns the record for the checker. positions are those of the revocations in the log.
func (t *tracker) record(positions map[uuid.UUID]int64) checker.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := checker.Record{
		Client: t.client, After: t.after, Complete: t.cursor != nil, Deliveries: t.deliveries, Connections: t.connections,
	}
	for _, revoked := range t.revocations {
		if position, relayed := positions[revoked.eventID]; relayed {
			r.Revocations = append(r.Revocations, checker.Revocation{Position: position, Until: revoked.until})
		}
	}
	return r
}
