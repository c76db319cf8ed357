package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/outbox"
)

type traceCmd struct {
	existing

	EventID uuid.UUID `arg:"" help:"The event's id."`
	JSON    bool      `name:"json" help:"Print one JSON object."`
}

func (c *traceCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := c.open(ctx, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	story, err := outbox.NewTracer(pool).Story(ctx, c.EventID)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(story)
	} else {
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
		for _, step := range steps(&story) {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", cmp.Or(moment(step.at), "-"), step.what, step.how)
		}
		err = table.Flush()
	}
	if err == nil && story.Status == outbox.StatusUnknown {
		_, _ = fmt.Fprintln(s.err, outbox.UnknownAdvice)
		err = errFindings
	}
	return err
}

// step is a past or future step of an event.
type step struct {
	at   time.Time // zero: the time is not known
	what string
	how  string
}

// steps lists a story in the order of time; steps without a time come last.
func steps(story *outbox.Story) []step {
	var told []step
	for i := range story.Places {
		w := &story.Places[i]
		if i == 0 && w.OutboxSeq != 0 { // all places of an event share the row
			told = append(told, step{w.WrittenAt, "written", fmt.Sprintf("row %d of the outbox", w.OutboxSeq)})
		}
		told = append(told, current(story, w)...)
	}
	for i := range story.Duplicates {
		w := &story.Duplicates[i]
		told = append(told,
			step{w.WrittenAt, "written", fmt.Sprintf("again, row %d of the outbox", w.OutboxSeq)},
			step{w.SettledAt, w.Status, fmt.Sprintf("row %d is a duplicate %s, and is not delivered", w.OutboxSeq, w.Detail)})
	}
	told = append(told, history(story)...)
	slices.SortStableFunc(told, func(a, b step) int {
		if a.at.IsZero() != b.at.IsZero() {
			if a.at.IsZero() {
				return 1
			}
			return -1
		}
		return a.at.Compare(b.at)
	})
	return told
}

// history lists the earlier steps of an event that could not be delivered. The current state is told by its place,
// which also says who decided it.
func history(story *outbox.Story) []step {
	var told []step
	for _, s := range story.History {
		if slices.ContainsFunc(story.Places, func(w outbox.Whereabouts) bool { return w.SettledAt.Equal(s.At) }) {
			continue
		}
		how := oneLine(s.Detail)
		if s.What == outbox.StepDied {
			how = fmt.Sprintf("after %d attempts: %s", s.Attempts, how)
		}
		if s.By != "" {
			how = strings.TrimSuffix("by "+oneLine(s.By)+"; "+how, "; ")
		}
		told = append(told, step{s.At, s.What, how})
	}
	return told
}

// droppedBy says who dropped the event; "" where that is not known.
func droppedBy(story *outbox.Story, at time.Time) string {
	for _, s := range story.History {
		if s.What == outbox.StepDropped && s.By != "" && s.At.Equal(at) {
			return ", by " + oneLine(s.By)
		}
	}
	return ""
}

// current describes the state of the event in one place.
func current(story *outbox.Story, w *outbox.Whereabouts) []step {
	switch w.Status {
	case outbox.StatusWaiting:
		if !w.DeliverAfter.IsZero() && w.Detail == "" {
			return []step{{
				w.DeliverAfter, w.Status, "overdue since then; herald check tells of events that are, and of clocks",
			}}
		}
		return []step{{what: w.Status, how: cmp.Or(w.Detail, "to be relayed; herald check tells whether anybody does")}}
	case outbox.StatusScheduled:
		return []step{{w.DeliverAfter, w.Status, "to be delivered then"}}
	case outbox.StatusRetrying:
		if w.NextAttemptAt.IsZero() {
			return []step{{what: w.Status, how: fmt.Sprintf("now, attempt %d: %s", w.Attempts, oneLine(w.Detail))}}
		}
		return []step{{w.NextAttemptAt, w.Status, fmt.Sprintf("next, after %d attempts: %s", w.Attempts, oneLine(w.Detail))}}
	case outbox.StatusDead:
		return []step{{
			w.SettledAt, w.Status, fmt.Sprintf("after %d attempts: %s; herald dead mend or herald dead retry %s", w.Attempts,
				oneLine(w.Detail), story.EventID),
		}}
	case outbox.StatusDropped:
		return []step{{
			w.SettledAt, w.Status, fmt.Sprintf("given up%s, after %d attempts: %s", droppedBy(story, w.SettledAt),
				w.Attempts, oneLine(w.Detail)),
		}}
	case outbox.StatusRelayed:
		return relayed(w)
	default:
		return []step{{what: w.Status, how: w.Detail}}
	}
}

func relayed(w *outbox.Whereabouts) []step {
	by := node(w.RelayedBy, w.RelayedHost)
	if w.Group.IsZero() {
		return []step{{w.RelayedAt, w.Status, "by " + by + "; " + w.Detail}}
	}
	told := []step{{
		w.RelayedAt, w.Status, fmt.Sprintf("%s, sequence %d, position %d, by %s", w.Group, w.Sequence, w.Position, by),
	}}
	for _, b := range w.Broadcasts {
		to := "a number of connections that was not recorded"
		if b.Connections != nil {
			to = fmt.Sprintf("%d connections", *b.Connections)
		}
		told = append(told,
			step{b.BroadcastAt, "broadcast", fmt.Sprintf("%s, to %s, by %s", w.Group, to, node(b.NodeID, b.Host))})
	}
	if len(w.Broadcasts) == 0 {
		told = append(told,
			step{
				what: "broadcast",
				how:  fmt.Sprintf("%s: no node has told so; they tell once a second, and it is kept for two days", w.Group),
			})
	}
	return told
}

func node(id uuid.UUID, host string) string {
	if host == "" {
		return "node " + id.String()
	}
	return fmt.Sprintf("node %s on %s", id, host)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
