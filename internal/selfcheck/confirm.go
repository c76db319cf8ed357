package selfcheck

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// mostLooks is in how many snapshots a chunk is looked at, at most.
const mostLooks = 5

var errLookAgain = errors.New("what was found has to be found again")

// confirmed runs look in a snapshot, and again in a new one where look finds something new. Only what two snapshots
// in a row show is reported, and recorded by record where that is set. A snapshot can be older than the partitions
// that it reads: while a day is made or dropped, rows move between its partition and the default one, and a read
// that waits for that finds them in neither. The last of mostLooks looks counts as it is. What look has changed is
// undone, so it may be called again; the last call's effects outside the transaction count.
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
