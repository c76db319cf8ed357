package relay

import (
	"context"
	"log/slog"

	"github.com/yummyzoom/herald/internal/outbox"
)

// asideLogged is how many events of a batch get a log line of their own when they are taken out of the line.
const asideLogged = 3

// aside holds the events of a batch that cannot be turned into messages, for one of two reasons.
type aside struct {
	level   slog.Level
	what    string
	rows    []*outbox.Row
	reasons []error
}

const (
	// died is the jobs' log message for such an event, too.
	died     = "an event died: it is not delivered unless it is mended or retried; see herald dead list"
	setAside = "event set aside"
)

func (a *aside) add(row *outbox.Row, reason error) {
	a.rows, a.reasons = append(a.rows, row), append(a.reasons, reason)
}

// tell logs the first events, and how many it has left out.
func (a *aside) tell(ctx context.Context, logger *slog.Logger) {
	for i := range a.rows[:min(len(a.rows), asideLogged)] {
		logger.Log(ctx, a.level, a.what, slog.Any("event", &a.rows[i].Event), slog.Any("reason", a.reasons[i])) //nolint:sloglint // one of two constants
	}
	if more := len(a.rows) - asideLogged; more > 0 {
		logger.Log(ctx, a.level, a.what+": more in the same batch", slog.Int("left_out", more)) //nolint:sloglint // one of two constants
	}
}
