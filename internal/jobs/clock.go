package jobs

import (
	"time"

	"github.com/yummyzoom/herald/internal/postgres/dbclock"
)

// riverTime is the database's clock as River takes one for what works jobs.
type riverTime struct{ *dbclock.Clock }

// NowOrNil returns nil, which has the database take its own time wherever it can.
func (riverTime) NowOrNil() *time.Time { return nil }

// insertTime is riverTime for what inserts jobs. River's driver says by the wall clock from when on a job is due that is inserted without a time,
// unless it is told.
type insertTime struct{ *dbclock.Clock }

// NowOrNil returns the time.
func (t insertTime) NowOrNil() *time.Time {
	now := t.Now()
	return &now
}
