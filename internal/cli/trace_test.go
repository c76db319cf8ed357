package cli

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
)

// Acceptance: A-391.
func TestStoriesAreToldInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Date(2026, time.January, 20, 10, 30, second, 0, time.UTC) }
	id, node := uuid.MustParse("7a1d0000-0000-4000-8000-000000000001"),
		uuid.MustParse("7a1d0000-0000-4000-8000-000000000002")
	order, restaurant := uuid.MustParse("7a1d0000-0000-4000-8000-000000000003"),
		uuid.MustParse("7a1d0000-0000-4000-8000-000000000004")
	two := 2
	told := func(places, duplicates []outbox.Whereabouts) (lines []string) {
		for _, s := range steps(&outbox.Story{EventID: id, Places: places, Duplicates: duplicates}) {
			lines = append(lines, moment(s.at)+" "+s.what+" "+s.how)
		}
		return lines
	}
	place := outbox.Whereabouts{
		Status: outbox.StatusRelayed, OutboxSeq: 17, WrittenAt: at(1), RelayedAt: at(2), RelayedBy: node,
		RelayedHost: "kitchen-1",
		Group:       event.OrderGroup(order), Position: 40, Sequence: 3, Broadcasts: []outbox.Broadcast{
			{NodeID: node, Host: "kitchen-1", BroadcastAt: at(4), Connections: &two},
			{NodeID: node, BroadcastAt: at(6)},
		},
	}
	other := place
	other.Group, other.Position, other.Sequence, other.Broadcasts = event.RestaurantGroup(restaurant), 41, 9, nil
	require.Equal(t, []string{
		"2026-01-20T10:30:01Z written row 17 of the outbox",
		"2026-01-20T10:30:02Z relayed order:7a1d0000-0000-4000-8000-000000000003, sequence 3, position 40, by node 7a1d0000-0000-4000-8000-000000000002 on kitchen-1",
		"2026-01-20T10:30:02Z relayed restaurant:7a1d0000-0000-4000-8000-000000000004, sequence 9, position 41, by node 7a1d0000-0000-4000-8000-000000000002 on kitchen-1",
		"2026-01-20T10:30:03Z written again, row 18 of the outbox",
		"2026-01-20T10:30:04Z broadcast order:7a1d0000-0000-4000-8000-000000000003, to 2 connections, by node 7a1d0000-0000-4000-8000-000000000002 on kitchen-1",
		"2026-01-20T10:30:05Z duplicate row 18 is a duplicate of row 17, and is not delivered",
		"2026-01-20T10:30:06Z broadcast order:7a1d0000-0000-4000-8000-000000000003, to a number of connections that was not recorded, by node 7a1d0000-0000-4000-8000-000000000002",
		" broadcast restaurant:7a1d0000-0000-4000-8000-000000000004: no node has told so; they tell once a second, and it is kept for two days",
	}, told([]outbox.Whereabouts{place, other}, []outbox.Whereabouts{
		{Status: outbox.StatusDuplicate, OutboxSeq: 18, WrittenAt: at(3), SettledAt: at(5), Detail: "of row 17"},
	}))

	const written = "2026-01-20T10:30:01Z written row 17 of the outbox"
	for _, test := range []struct {
		place outbox.Whereabouts
		want  string
	}{
		{
			outbox.Whereabouts{Status: outbox.StatusWaiting},
			" waiting to be relayed; herald check tells whether anybody does",
		},
		{
			outbox.Whereabouts{Status: outbox.StatusScheduled, DeliverAfter: at(9)},
			"2026-01-20T10:30:09Z scheduled to be delivered then",
		},
		{
			outbox.Whereabouts{Status: outbox.StatusRetrying, NextAttemptAt: at(9), Attempts: 3, Detail: "no\nnumber"},
			"2026-01-20T10:30:09Z retrying next, after 3 attempts: no number",
		},
		{outbox.Whereabouts{Status: outbox.StatusRetrying, Attempts: 4, Detail: "why"}, " retrying now, attempt 4: why"},
		{
			outbox.Whereabouts{Status: outbox.StatusDead, SettledAt: at(9), Attempts: 10, Detail: "why"},
			"2026-01-20T10:30:09Z dead after 10 attempts: why; herald dead mend or herald dead retry 7a1d0000-0000-4000-8000-000000000001",
		},
		{
			outbox.Whereabouts{Status: outbox.StatusDropped, SettledAt: at(9), Attempts: 10, Detail: "why"},
			"2026-01-20T10:30:09Z dropped given up, after 10 attempts: why",
		},
	} {
		test.place.OutboxSeq, test.place.WrittenAt = 17, at(1)
		require.Equal(t, []string{written, test.want}, told([]outbox.Whereabouts{test.place}, nil))
	}
	require.Equal(t, []string{" unknown nobody knows"},
		told([]outbox.Whereabouts{{Status: outbox.StatusUnknown, Detail: "nobody knows"}}, nil))
	require.Equal(t,
		[]string{"2026-01-20T10:30:02Z relayed by node 7a1d0000-0000-4000-8000-000000000002 on kitchen-1; gone"},
		told([]outbox.Whereabouts{
			{Status: outbox.StatusRelayed, RelayedAt: at(2), RelayedBy: node, RelayedHost: "kitchen-1", Detail: "gone"},
		}, nil))
}

// A decision about an event that could not be delivered is listed at its time, and once.
//
// Acceptance: A-515.
func TestHistoriesAreToldInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Date(2026, time.January, 20, 10, 30, second, 0, time.UTC) }
	history := []outbox.Step{
		{At: at(3), What: outbox.StepDied, Attempts: 10, Detail: "no\nnumber"},
		{At: at(4), What: outbox.StepRetried, By: "anna"},
		{At: at(5), What: outbox.StepDied, Detail: "no number"},
		{At: at(6), What: outbox.StepDropped, By: "berta"},
		{At: at(7), What: outbox.StepMended, By: "carla", Detail: "payload (orderNumber)"},
	}
	told := func(place outbox.Whereabouts, history []outbox.Step) (lines []string) {
		place.OutboxSeq, place.WrittenAt = 17, at(1)
		for _, s := range steps(&outbox.Story{Places: []outbox.Whereabouts{place}, History: history}) {
			lines = append(lines, moment(s.at)+" "+s.what+" "+s.how)
		}
		return lines
	}
	all := []string{
		"2026-01-20T10:30:01Z written row 17 of the outbox",
		"2026-01-20T10:30:03Z died after 10 attempts: no number",
		"2026-01-20T10:30:04Z retried by anna",
		"2026-01-20T10:30:05Z died after 0 attempts: no number",
		"2026-01-20T10:30:06Z dropped by berta",
		"2026-01-20T10:30:07Z mended by carla; payload (orderNumber)",
		" waiting mended by carla",
	}
	require.Equal(t, all, told(outbox.Whereabouts{Status: outbox.StatusWaiting, Detail: "mended by carla"}, history))
	require.Equal(t, append(all[:4:4], "2026-01-20T10:30:06Z dropped given up, by berta, after 0 attempts: no number"),
		told(outbox.Whereabouts{Status: outbox.StatusDropped, SettledAt: at(6), Detail: "no number"}, history[:4]))
}
