package eventlog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

const (
	payloadMost = 64 << 10 // the outbox takes no larger one
	entryBytes  = 512      // what an entry takes beside its payload, about

	// chunkLeast is the least number of entries that a read's first round trip asks for, chunkMost the most that any
	// asks for. Rows that turn out not to fit are read from the socket and thrown away, so a guess must not be far off.
	chunkLeast, chunkMost = 16, 256
)

// Read returns the entries of group with a sequence above after and a position of at most upTo, in order. It returns
// at most limit entries, and no more than take maxBytes of memory, unless the first alone does. Where it returns
// fewer than limit there may be more.
//
// It does not ask for many more rows than fit: first for a few, then by the size of those. So a few events are one
// round trip, a thousand small ones are four or five, and large ones are not sent in vain. An entry that cannot be
// read has no payload, as in ReadFrom.
func (l *Reader) Read(ctx context.Context, group event.Group, after, upTo int64, limit,
	maxBytes int,
) (entries []event.Logged, err error) {
	r := groupRead{left: maxBytes}
	ask := min(limit, max(chunkLeast, maxBytes/(payloadMost+entryBytes)))
	for ask > 0 {
		before := len(r.entries)
		batch := outbox.NewReadBatch()
		batch.Queue(dbsqlc.LogReadGroup, group.String(), after, upTo, ask).Query(r.take)
		err := l.db.SendBatch(ctx, batch).Close()
		read := len(r.entries) - before
		switch {
		case postgres.Unreadable(err) && read > 0: // the unreadable row is behind these
			ask, after = 1, r.entries[len(r.entries)-1].Sequence
			continue
		case postgres.Unreadable(err) && ask > 1:
			ask /= 2
			continue
		case postgres.Unreadable(err):
			var placed []event.Logged
			if placed, _, err = l.place(ctx, dbsqlc.LogPlacesGroup, group.String(), after, upTo); len(placed) == 0 {
				return r.entries, err
			}
			r.entries, r.left = append(r.entries, placed[0]), r.left-entryBytes
		case err != nil:
			return nil, fmt.Errorf("reading the log of %s behind sequence %d: %w", group, after, err)
		case r.full || read < ask:
			return r.entries, nil
		}
		after = r.entries[len(r.entries)-1].Sequence
		average := (maxBytes - r.left) / len(r.entries)
		ask = min(limit-len(r.entries), max(0, r.left)/average, chunkMost)
	}
	return r.entries, nil
}

// groupRead is what one Read has read.
type groupRead struct {
	entries []event.Logged
	left    int // bytes
	full    bool
}

// take keeps the rows up to the first one that does not fit.
func (r *groupRead) take(rows pgx.Rows) error {
	for !r.full && rows.Next() {
		entry, err := scanLogged(rows)
		if err != nil {
			return err
		}
		size := len(entry.Payload) + entryBytes
		if r.full = len(r.entries) > 0 && size > r.left; !r.full {
			r.entries, r.left = append(r.entries, entry), r.left-size
		}
	}
	rows.Close()      // those that did not fit are not kept
	return rows.Err() //nolint:wrapcheck // wrapped once, by the batch's reader
}
