package jobs

import (
	"time"

	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

// riverTime is the database's clock in the form that River takes, for a client that works jobs.
type riverTime struct{ *dbclock.Clock }

// NowOrNil returns nil, so that the database takes its own time wherever it can.
func (riverTime) NowOrNil() *time.Time { return nil }

// insertTime is riverTime for a client that inserts jobs. Without it River's driver takes the wall clock as the time
// from which a job is due that is inserted without a time.
type insertTime struct{ *dbclock.Clock }

// NowOrNil returns the time.
func (t insertTime) NowOrNil() *time.Time {
	now := t.Now()
	return &now
}
