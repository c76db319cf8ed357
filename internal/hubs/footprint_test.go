//go:build !race

// The race detector allocates, too.

package hubs_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"runtime"
	"testing"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// The allocations allowed for a delivery to one more member, and for an invocation with its completion, counted over
// the hubs' real sockets.
const (
	budgetDelivery   = 0
	budgetInvocation = 17
)

// allocations counts the allocations of do: the least of several attempts, to exclude those of the rest of the
// process.
func allocations(do func()) float64 {
	const attempts = 7
	least := math.Inf(1)
	var before, after runtime.MemStats
	for range attempts {
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.Mallocs-before.Mallocs))
	}
	return least
}

// TestFootprintOfADelivery: an event is encoded once, for any number of receivers.
func TestFootprintOfADelivery(t *testing.T) { //nolint:paralleltest // others' allocations would count
	const few, many, events = 1, 101, 50
	event50 := func(members int) float64 {
		s := setup(t)
		id := uuid.New()
		clients := make([]*client, members)
		for i := range clients {
			clients[i] = s.connect(
				event.CustomerOrdersPath,
				auth.Grant{Subject: fmt.Sprint("user-", i), Permissions: []string{"order:" + id.String()}},
			)
			clients[i].must("SubscribeToOrder", id)
		}
		read := make(chan struct{}, members)
		mark := []byte(`"YZ-last"`)
		for _, c := range clients {
			go func() { // reads every message without allocating, and reports each last event
				buffer := make([]byte, 64<<10)
				kept := 0
				for {
					n, err := c.conn.Read(buffer[kept:])
					if err != nil {
						return
					}
					kept += n
					for {
						i := bytes.Index(buffer[:kept], mark)
						if i < 0 {
							break
						}
						read <- struct{}{}
						copy(buffer, buffer[i+len(mark):kept])
						kept -= i + len(mark)
					}
					if kept > len(mark) {
						copy(buffer, buffer[kept-len(mark):kept])
						kept = len(mark)
					}
				}
			}()
		}
		order := event.OrderGroup(id)
		return allocations(func() {
			for range events - 1 {
				s.publish(order, event.Event{Type: event.OrderPlaced})
			}
			s.publish(
				order, event.Event{Type: event.OrderPlaced, Payload: []byte(`{"orderNumber":"YZ-last","status":"Placed"}`)},
			)
			for range members {
				<-read
			}
		})
	}
	alone := event50(few)
	each := (event50(many) - alone) / (events * (many - few))
	t.Logf("%.3f allocations a delivery; %.1f an event, whoever gets it", each, alone/events)
	require.Less(t, each, budgetDelivery+0.5)
}

func TestFootprintOfAnInvocation(t *testing.T) { //nolint:paralleltest // others' allocations would count
	const calls = 200
	s := setup(t)
	id := uuid.New()
	c := s.connect(event.CustomerOrdersPath, auth.Grant{Subject: "user", Permissions: []string{"order:" + id.String()}})
	c.must("SubscribeToOrder", id)
	call := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(
		[]byte(`{"type":1,"invocationId":"7","target":"SubscribeToOrder","arguments":["` + id.String() + "\"]}\x1e"))))
	answer := make([]byte, 2+len("{\"type\":3,\"invocationId\":\"7\",\"result\":null}\x1e"))
	each := allocations(func() {
		for range calls {
			_, _ = c.conn.Write(call)
			_, _ = io.ReadFull(c.conn, answer)
		}
	}) / calls
	t.Logf("%.2f allocations an invocation", each)
	require.Less(t, each, budgetInvocation+0.5)
}
