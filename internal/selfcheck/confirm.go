package selfcheck

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// mostLooks is at how many snapshots a chunk is looked at, at most.
const mostLooks = 5

var errLookAgain = errors.New("what was found has to be found again")

// confirmed runs look in a snapshot, and again in a new one where it finds what it had not found before: only what two snapshots in a row show
// is told, and recorded by record where that is set. A snapshot can be older than the partitions that are looked at: while a day is made or
// dropped, rows move between it and the default partition, and one that waits for that finds them in neither. What look has changed is
// undone, so it may be called again; what it sets outside counts after the last time.
func (c *Checker) confirmed(ctx context.Context, access pgx.TxAccessMode, look func(tx pgx.Tx) ([]Discrepancy, error),
	record func(tx pgx.Tx, found []Discrepancy) error,
) ([]Discrepancy, error) {
	type key struct {
		kind    DiscrepancyKind
		subject string
	}
	before := map[key]bool{}
	for looks := 1; ; looks++ {
		var found []Discrepancy
		err := c.inSnapshot(ctx, access, func(tx pgx.Tx) error {
			var err error
			if found, err = look(tx); err != nil {
				return err
			}
			for _, d := range found {
				if !before[key{d.Kind, d.Subject}] && looks < mostLooks {
					return errLookAgain
				}
			}
			if record == nil {
				return nil
			}
			return record(tx, found)
		})
		if !errors.Is(err, errLookAgain) {
			return found, err
		}
		clear(before)
		for _, d := range found {
			before[key{d.Kind, d.Subject}] = true
		}
	}
}
