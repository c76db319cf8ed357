package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/child"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// exampleFolder is the folder of the examples.
const exampleFolder = "../../../examples"

// exampleDelays are the examples' retry delays in the tests: SignalR's client gives up after the last of them.
const exampleDelays = "0,20,40"

func requireExamples(t *testing.T) {
	t.Helper()
	_, err := os.Stat(exampleFolder + "/node_modules/@microsoft/signalr")
	require.NoError(t, err, "the examples' packages are not installed: run `make test`, or `npm ci` in examples")
}

// receiver is examples/receive.mjs, following an order.
type receiver struct{ lines, problems *record[string] }

func receive(t *testing.T, url, token string, order uuid.UUID) receiver {
	t.Helper()
	requireExamples(t)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "receive.mjs", order.String())
	cmd.Dir = exampleFolder
	cmd.Env = append(os.Environ(), "HERALD_URL="+url, "HERALD_TOKEN="+token, "HERALD_RETRY_DELAYS="+exampleDelays)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	complaints, err := cmd.StderrPipe()
	require.NoError(t, err)
	r := receiver{&record[string]{}, &record[string]{}}
	done, err := child.Start(cmd, func() {
		var both sync.WaitGroup
		both.Go(func() { child.ReadLines(out, r.lines.add) })
		child.ReadLines(complaints, r.problems.add)
		both.Wait()
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-done
		require.True(t, cmd.ProcessState.Success(), "the example ends by itself where it is asked to: %v", cmd.ProcessState)
	})
	return r
}

// shows waits until the example has printed exactly these lines.
func (r receiver) shows(t *testing.T, lines ...string) {
	t.Helper()
	require.Equal(
		t, lines,
		r.lines.awaitAll(t, strings.Join(lines, ", "), func(all []string) bool { return len(all) >= len(lines) }),
	)
}

// fails waits for one more failure of an attempt that the example itself repeats.
func (r receiver) fails(t *testing.T, text string) {
	t.Helper()
	now, _ := r.problems.all()
	r.problems.await(t, len(now), text, func(line string) bool { return strings.Contains(line, text) })
}

// awaitRelayed waits until the event has its places in the log.
func awaitRelayed(t *testing.T, q querier, id uuid.UUID) {
	t.Helper()
	require.True(t, eventually(func() bool {
		var status string
		err := q.QueryRow(t.Context(), "SELECT status FROM herald.event_status($1) LIMIT 1", id).Scan(&status)
		return err == nil && status == "relayed"
	}), "the event is not relayed")
}

// Acceptance.
func TestTheReceiveExampleMissesNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	address := freeAddress(t)
	s := &server{env: settings(db.DSN(), "HERALD_LISTEN="+address, "HERALD_REPLAY_LIMIT=4")}
	producer, o := produce(t, db.DSN()), newOrder()
	const joined = "joined: from here on nothing is missed"
	lines := []string{joined}
	sequence := 0
	event := func(eventType, status string) (id uuid.UUID) {
		t.Helper()
		id = publish(
			t, producer, "publish_order_event($1, $2, 'YZ-1024', $3, $4, $5)", eventType, o.id, status, o.restaurant,
			o.customer,
		)
		sequence++
		lines = append(lines, fmt.Sprintf("%d %s %s", sequence, status, id))
		return id
	}

	r := receive(t, "http://"+address, user(t, o.customer), o.id)
	r.fails(t, "fetch failed") // the first start
	s.start(t)
	r.fails(t, "Forbidden") // a resume, while the order is not the customer's
	_, err := db.Pool(t).Exec(t.Context(), "SELECT herald.grant_access('MustBeOrderOwner', $1, $2)", o.id, o.customer)
	require.NoError(t, err)
	r.shows(t, lines...)
	event("OrderPlaced", "Placed")
	event("OrderPaymentFailed", "Placed")
	event("OrderPaymentSucceeded", "Placed")
	event("OrderStatusChanged", "Preparing")
	r.shows(t, lines...)

	code, _ := s.terminate(t) // a restart
	require.Zero(t, code)
	event("OrderStatusChanged", "Ready")
	s.start(t)
	r.shows(t, lines...)

	s.kill(t) // an outage that outlasts the client's own retries
	event("OrderStatusChanged", "OnItsWay")
	r.fails(t, "fetch failed")
	r.fails(t, "fetch failed")
	s.start(t)
	event("OrderStatusChanged", "Delivered")
	r.shows(t, lines...)

	s.kill(t) // more than is replayed: the state is fetched anew
	missed, last := len(lines), uuid.Nil
	for range 5 {
		last = event("OrderStatusChanged", "Delivered")
	}
	other := serve(t, db.DSN())
	awaitRelayed(t, producer, last)
	s.start(t)
	lines = append(lines[:missed], joined)
	r.shows(t, lines...)
	other.kill(t)
	event("OrderStatusChanged", "Archived")
	r.shows(t, lines...)
}

// SignalR's client reconnects by itself if only the connection has ended. It is in no group then.
//
// Acceptance: A-518.
func TestTheReceiveExampleResumesOnItsNewConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, producer, o := serve(t, db.DSN()), produce(t, db.DSN()), newOrder()
	r := receive(
		t, s.url, mint(t, auth.Grant{Subject: "bob", Permissions: []string{"OrderOwner:" + o.id.String()}}), o.id,
	)
	lines := []string{"joined: from here on nothing is missed"}
	r.shows(t, lines...)
	for i := 1; i < 4; i++ {
		// A client whose token still opens the group is asked to reconnect.
		connected, _ := s.logs.all()
		_, err := db.Pool(t).Exec(t.Context(), "SELECT herald.revoke_access('MustBeOrderOwner', $1, 'bob')", o.id)
		require.NoError(t, err)
		s.logs.await(
			t, len(connected), "bob to connect again",
			func(line string) bool { return strings.Contains(line, `"action":"connect"`) },
		)
		lines = append(lines, fmt.Sprintf("%d Preparing %s", i, o.changed(t, producer, "Preparing")))
		r.shows(t, lines...)
	}
	problems, _ := r.problems.all()
	require.NotContains(t, tail(problems), "fetch failed", "it was SignalR's client that has connected again")
}
