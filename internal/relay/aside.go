package relay

import (
	"context"
	"log/slog"

	"github.com/yummyzoom/herald/internal/outbox"
)

// asideLogged is how many events of a batch have a line of their own when they are taken out of the line.
const asideLogged = 3

// aside are the events of a batch that cannot be turned into messages, for one of two reasons.
type aside struct {
	logger  *slog.Logger
	what    string
	rows    []*outbox.Row
	reasons []error
}

func (a *aside) add(ctx context.Context, row *outbox.Row, reason error) {
	a.rows, a.reasons = append(a.rows, row), append(a.reasons, reason)
	if len(a.rows) <= asideLogged {
		a.logger.WarnContext(ctx, a.what, slog.Any("event", &row.Event), slog.Any("reason", reason)) //nolint:sloglint // one of two constants
	}
}

// end tells how many lines were left out.
func (a *aside) end(ctx context.Context) {
	if more := len(a.rows) - asideLogged; more > 0 {
		a.logger.WarnContext(ctx, a.what+": more in the same batch", slog.Int("left_out", more)) //nolint:sloglint // one of two constants
	}
}
