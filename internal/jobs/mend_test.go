package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertest"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// unfit publishes an order's event without an order number, past the outbox's checks: it dies at once.
func (b *bundle) unfit(t *testing.T) uuid.UUID {
	t.Helper()
	id := b.past(t, "OrderPlaced", `{"status": "Placed", "note": "ring twice"}`, nil)
	b.sweep(t)
	require.Equal(t, outbox.StatusDead, b.status(t, id).Status)
	return id
}

func merging(text string) *outbox.Mending { return &outbox.Mending{Merge: json.RawMessage(text)} }

// steps are the steps of an event's history, without their times.
func (b *bundle) steps(t *testing.T, id uuid.UUID) []string {
	t.Helper()
	history, err := outbox.History(t.Context(), b.pool, id)
	require.NoError(t, err)
	var steps []string
	for _, s := range history {
		steps = append(steps, strings.TrimSpace(fmt.Sprintf("%s %s %s", s.What, s.By, s.Detail)))
	}
	return steps
}

// deliverAll works the waiting jobs, as one node does.
func (b *bundle) deliverAll(t *testing.T) {
	t.Helper()
	for _, id := range b.waiting(t, "deliver_scheduled") {
		b.makeDue(t, id)
		require.NoError(t, b.deliverScheduled(t, id))
	}
}

// Acceptance: A-514.
func TestMendedDeadLetterIsRelayedOnceAtTheEndOfItsGroup(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.unfit(t)
	order := scan[uuid.UUID](t, b, "SELECT resource_id FROM herald.outbox WHERE event_id = $1", id)
	b.exec(t, `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload)
		VALUES ('OrderPlaced', $1, gen_random_uuid(), 'user-1', '{"orderNumber": "YZ-2", "status": "Placed"}')`, order)
	b.sweep(t)
	mended, err := d.Mend(t.Context(), id, merging(`{"orderNumber": "YZ-1"}`), "anna")
	require.NoError(t, err)
	require.Equal(t, "payload (orderNumber)", mended.String())
	require.Equal(t, outbox.StatusWaiting, b.status(t, id).Status)
	require.Equal(t, "mended by anna", b.status(t, id).Detail)
	b.deliverAll(t)
	b.sweep(t)
	require.EqualValues(t, 2, b.status(t, id).Sequence, "behind what its group has had")
	require.Equal(t, 2, scan[int](t, b, "SELECT count(*) FROM herald.event_log WHERE event_id = $1", id),
		"once, to its two groups")
	require.JSONEq(t, `{"status": "Placed", "note": "ring twice", "orderNumber": "YZ-1"}`,
		scan[string](t, b, "SELECT payload::text FROM herald.outbox WHERE event_id = $1", id))
	require.Equal(t,
		[]string{
			"died  event " + id.String() + " cannot be delivered: payload: orderNumber is missing",
			"mended anna payload (orderNumber)",
		}, b.steps(t, id))

	_, err = d.Mend(t.Context(), id, merging(`{"orderNumber": "YZ-3"}`), "berta")
	require.ErrorIs(t, err, outbox.ErrRelayed)
	_, err = d.Mend(t.Context(), uuid.New(), merging(`{}`), "berta")
	require.ErrorIs(t, err, outbox.ErrNotKnown)
	soon := time.Now().Add(time.Hour)
	later := b.cart(t, uuid.New(), &soon)
	b.sweep(t)
	_, err = d.Mend(t.Context(), later, merging(`{}`), "berta")
	require.ErrorIs(t, err, outbox.ErrWaiting, "it has not failed")
}

// Each column that can be the reason for a death can be mended.
//
// Acceptance: A-514.
func TestEveryColumnIsMended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	const fits = `{"orderNumber": "YZ-1", "status": "Placed"}`
	restaurant, customer, audience, placed, none := uuid.New(), "user-2", "Restaurant", event.OrderPlaced, ""
	when := time.Date(2026, 1, 20, 10, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		broken string // what its owner does to the row
		mend   outbox.Mending
	}{
		"payload":         {`payload = '[]'`, outbox.Mending{Payload: json.RawMessage(fits)}},
		"event_type":      {`event_type = 'OrderSplit'`, outbox.Mending{Type: &placed}},
		"resource_id":     {`resource_id = NULL`, outbox.Mending{ResourceID: &restaurant}},
		"restaurant_id":   {`restaurant_id = NULL`, outbox.Mending{RestaurantID: &restaurant}},
		"customer_id":     {`customer_id = NULL`, outbox.Mending{CustomerID: &customer}},
		"audience":        {`audience = 'Nobody', customer_id = ''`, outbox.Mending{Audience: &audience}},
		"occurred_on_utc": {`occurred_on_utc = 'infinity'`, outbox.Mending{OccurredOn: &when}},
		"deliver_after":   {`deliver_after = '-infinity'`, outbox.Mending{AtOnce: true}},
		"traceparent":     {`traceparent = repeat('0', 600)`, outbox.Mending{TraceParent: &none}},
	} {
		id := b.past(t, "OrderPlaced", fits, nil)
		b.exec(t, "UPDATE herald.outbox SET "+c.broken+" WHERE event_id = $1", id)
		b.sweep(t)
		require.Contains(t, []string{outbox.StatusDead, outbox.StatusRetrying}, b.status(t, id).Status, name)
		mended, err := d.Mend(t.Context(), id, &c.mend, "ops")
		require.NoError(t, err, name)
		require.Equal(t, []string{name}, mended.Columns)
		b.deliverAll(t)
		require.Equal(t, outbox.StatusRelayed, b.status(t, id).Status, name)
	}
}

// Mending refuses what a publish would refuse, in the same words, and then changes nothing.
//
// Acceptance: A-514.
func TestMendedEventsAreHeldToTheRulesOfAPublish(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.unfit(t)
	own, unknown, nobody, zero := event.AccessRevoked, event.Type("OrderSplit"), "Nobody", uuid.Nil
	before := scan[string](t, b, "SELECT to_jsonb(o)::text FROM herald.outbox o WHERE event_id = $1", id)
	for says, m := range map[string]outbox.Mending{
		"orderNumber":                         {Merge: json.RawMessage(`{"status": "Done"}`)},
		"status":                              {Payload: json.RawMessage(`{"orderNumber": "YZ-1"}`)},
		"OrderNumber":                         {Payload: json.RawMessage(`{"OrderNumber": "YZ-1", "status": "Placed"}`)},
		"payload is array, not a JSON object": {Payload: json.RawMessage(`[]`)},
		"payload is not JSON":                 {Payload: json.RawMessage(`{"orderNumber": `)},
		"merged into the payload is not a":    {Merge: json.RawMessage(`[]`)},
		"lastUpdateTimestamp": {Merge: json.RawMessage(
			`{"orderNumber": "YZ-1", "lastUpdateTimestamp": "yesterday"}`)},
		"at most 65536": {Merge: json.RawMessage(`{"orderNumber": "YZ-1", "x": "` +
			strings.Repeat("x", 1<<17) + `"}`)},
		"Unicode":                         {Merge: json.RawMessage(`{"orderNumber": "YZ-1", "x": "\u0000"}`)},
		"AccessRevoked is Herald's own":   {Type: &own},
		"unknown event_type 'OrderSplit'": {Type: &unknown},
		"unknown audience 'Nobody'":       {Audience: &nobody},
		"restaurant_id is missing":        {RestaurantID: &zero},
		outbox.ErrUnchanged.Error():       {Merge: json.RawMessage(`{"status": "Placed"}`)},
		"__proto__":                       {Merge: json.RawMessage(`{"orderNumber": "YZ-1", "a": {"__proto__": 1}}`)},
	} {
		_, err := d.Mend(t.Context(), id, &m, "ops")
		require.ErrorContains(t, err, says)
		if says != outbox.ErrUnchanged.Error() {
			_, refused := errors.AsType[*outbox.RefusedError](err)
			require.True(t, refused, "%s: %v", says, err)
		}
		require.Equal(t, outbox.StatusDead, b.status(t, id).Status, says)
	}
	require.Equal(t, before, scan[string](t, b, "SELECT to_jsonb(o)::text FROM herald.outbox o WHERE event_id = $1", id))
	require.Len(t, b.steps(t, id), 1, "it has died, and nothing else")
	require.Empty(t, b.waiting(t, "deliver_scheduled"))
}

// An event that is tried again can be mended, too: the attempt that goes on meanwhile finds its job gone.
func TestEventThatIsTriedAgainIsMended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.newer(t, nil)
	b.sweep(t)
	job := b.waiting(t, "retry_event")[0]
	placed := event.OrderPlaced
	attempt := claim[retryEventArgs](t, b, job, eventAttempts)
	mended, err := d.Mend(t.Context(), id, &outbox.Mending{Type: &placed}, "ops")
	require.NoError(t, err)
	require.Equal(t, []string{"event_type"}, mended.Columns)
	require.Empty(t, b.waiting(t, "retry_event"))
	err = completing(rivertest.WorkContext(t.Context(), b.jobs.client), b.pool, attempt,
		func(pgx.Tx) error { panic("there is nothing to do it for") })
	require.ErrorIs(t, err, rivertype.ErrNotFound)
	b.deliverAll(t)
	require.Equal(t, outbox.StatusRelayed, b.status(t, id).Status)
	require.Equal(t, []string{"mended ops event_type"}, b.steps(t, id))
}

// The last attempt at an event runs at the same moment as a mending. The event is mended and relayed, or buried by
// the attempt and then mended; never mended and dead.
//
// Acceptance: A-514.
func TestMendBesideAnAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	placed := event.OrderPlaced
	for range 20 {
		id := b.newer(t, nil)
		b.sweep(t)
		job := claim[retryEventArgs](t, b, b.waiting(t, "retry_event")[0], eventAttempts)
		worker, ctx := &retryEventWorker{pool: b.pool, nodeID: nodeID}, rivertest.WorkContext(t.Context(), b.jobs.client)
		var both sync.WaitGroup
		both.Go(func() { _ = worker.Work(ctx, job) }) // its job may be gone
		_, err := d.Mend(t.Context(), id, &outbox.Mending{Type: &placed}, "ops")
		both.Wait()
		require.NoError(t, err)
		b.deliverAll(t)
		require.Equal(t, outbox.StatusRelayed, b.status(t, id).Status)
		require.Equal(t, 2, scan[int](t, b, "SELECT count(*) FROM herald.event_log WHERE event_id = $1", id))
		require.Zero(t, scan[int](t, b, "SELECT count(*) FROM herald.dead_letter WHERE event_id = $1", id),
			"it was buried by an attempt whose job was gone")
	}
}

// Of several concurrent mendings of an event one succeeds, and its change is relayed.
//
// Acceptance: A-514.
func TestOneOfSeveralMenders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	for _, kind := range []string{"dead", "retried", "dropped"} {
		for range 5 {
			id := b.unfit(t)
			switch kind {
			case "retried":
				require.NoError(t, d.Retry(t.Context(), id, "ops"))
			case "dropped":
				require.NoError(t, d.Drop(t.Context(), id, "ops"))
			}
			const menders = 6
			errs := make([]error, menders)
			var all sync.WaitGroup
			for i := range menders {
				all.Go(func() {
					_, errs[i] = d.Mend(t.Context(), id, merging(fmt.Sprintf(`{"orderNumber": "YZ-%d"}`, i)), "ops")
				})
			}
			all.Wait()
			winner := -1
			for i, err := range errs {
				if err == nil {
					require.Equal(t, -1, winner, "two have mended it")
					winner = i
					continue
				}
				require.ErrorIs(t, err, outbox.ErrWaiting)
			}
			require.NotEqual(t, -1, winner)
			b.deliverAll(t)
			require.Equal(t, outbox.StatusRelayed, b.status(t, id).Status)
			require.Equal(t, fmt.Sprintf("YZ-%d", winner),
				scan[string](t, b, "SELECT payload->>'orderNumber' FROM herald.outbox WHERE event_id = $1", id))
			require.Equal(t, 2, scan[int](t, b, "SELECT count(*) FROM herald.event_log WHERE event_id = $1", id))
			require.Empty(t, b.waiting(t, "retry_event"))
		}
	}
}

// An event's history is shown when it is relayed, too: each death, and who retried, mended or dropped it.
//
// Acceptance: A-515.
func TestHistoryOutlivesTheDeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	id := b.unfit(t)
	reason := "event " + id.String() + " cannot be delivered: payload: orderNumber is missing"
	require.NoError(t, d.Retry(t.Context(), id, "anna"))
	require.NoError(t, b.retryEvent(t, b.waiting(t, "retry_event")[0], 1))
	require.NoError(t, d.Drop(t.Context(), id, "berta"))
	// As an earlier release would leave it.
	b.exec(t, "DELETE FROM herald.dead_letter_history WHERE event_id = $1 AND what <> 'retried'", id)
	_, err := d.Mend(t.Context(), id, merging(`{"orderNumber": "YZ-1"}`), "")
	require.NoError(t, err)
	b.deliverAll(t)
	require.Equal(t, []string{"retried anna", "died  " + reason, "dropped", "mended  payload (orderNumber)"},
		b.steps(t, id))
	story, err := outbox.NewTracer(b.pool).Story(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, outbox.StatusRelayed, story.Status)
	require.Len(t, story.History, 4)
}

// Events that are tried again are listed behind the dead ones, in pages, with what an operator needs to know; both
// are counted.
//
// Acceptance: A-513.
func TestEventsThatAreTriedAgainAreListedAndCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.deadLetters(t)
	want := map[uuid.UUID]string{}
	for range 3 {
		want[b.unfit(t)] = outbox.StatusDead
	}
	for range 4 {
		want[b.newer(t, nil)] = outbox.StatusRetrying
	}
	b.sweep(t)
	due := time.Now().Add(-time.Minute)
	scheduled := b.cart(t, uuid.New(), &due) // due, and never tried: it does not fail
	b.exec(t, `UPDATE herald.river_job SET created_at = now() - interval '2 hours' WHERE id = (SELECT min(id) FROM herald.river_job WHERE kind = 'retry_event')`)
	b.exec(t, `UPDATE herald.dead_letter SET died_at = now() - interval '3 hours' WHERE event_id = (SELECT min(event_id::text)::uuid FROM herald.dead_letter)`)
	got := map[uuid.UUID]string{}
	var before *outbox.DeadLetter
	for range 10 {
		page, err := d.List(t.Context(), before, 2)
		require.NoError(t, err)
		for _, letter := range page {
			require.NotContains(t, got, letter.EventID)
			require.NotContains(t, letter.Reason, "\n")
			got[letter.EventID] = letter.State
			if letter.State == outbox.StatusRetrying {
				require.EqualValues(t, "OrderSplit", letter.Type)
				require.False(t, letter.NextAttemptAt.IsZero())
				require.False(t, letter.FailingSince.IsZero())
				require.True(t, letter.DiedAt.IsZero())
				require.Contains(t, letter.Reason, "OrderSplit")
			}
			before = &letter
		}
		if len(page) < 2 {
			break
		}
	}
	require.Equal(t, want, got)
	require.NotContains(t, got, scheduled)
	u, err := d.Count(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, u.Dead)
	require.Equal(t, 4, u.Retrying)
	require.InDelta(t, 3*time.Hour, u.OldestDead, float64(time.Minute))
	require.InDelta(t, 2*time.Hour, u.OldestRetrying, float64(time.Minute))
}

// An error is logged when an event's death is certain, without the payload.
//
// Acceptance: A-510.
func TestADeathIsLogged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var out bytes.Buffer
	id := b.newer(t, nil)
	b.sweep(t)
	worker := &retryEventWorker{pool: b.pool, nodeID: nodeID, died: logDied(slog.New(slog.NewTextHandler(&out, nil)))}
	require.NoError(t, work(t, b, worker, b.waiting(t, "retry_event")[0], eventAttempts))
	require.Contains(t, out.String(), "level=ERROR")
	require.Contains(t, out.String(), "an event died")
	require.Contains(t, out.String(), id.String())
	require.Contains(t, out.String(), "attempts=10")
}
