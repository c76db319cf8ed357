package retention

import (
	"context"
	"time"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// repeat deletes chunk after chunk until a chunk is not full.
func repeat(progress func(rows int64), chunk func() (int64, error)) error {
	for {
		rows, err := chunk()
		if err != nil {
			return err
		}
		progress(rows)
		if rows < pruneChunk {
			return nil
		}
	}
}

func (r *Retention) pruneLogDefault(ctx context.Context, cutoff time.Time, progress func(rows int64)) error {
	return repeat(progress, func() (int64, error) {
		return r.q.LogDefaultPrune(ctx, dbsqlc.LogDefaultPruneParams{Cutoff: cutoff, MaxRows: pruneChunk})
	})
}

// pruneOutboxDefault walks over the partition once. What is still needed stays in it: for as long as a year where an
// event is scheduled that far ahead.
func (r *Retention) pruneOutboxDefault(ctx context.Context, cutoff time.Time, progress func(rows int64)) error {
	for after := int64(0); ; {
		var pruned int64
		var last *int64
		if err := r.db.QueryRow(ctx, pruneOutboxDefault, cutoff, after, pruneChunk).Scan(&pruned, &last); err != nil {
			return err //nolint:wrapcheck // wrapped once, by Run
		}
		progress(pruned)
		if last == nil {
			return nil
		}
		after = *last
	}
}

func (r *Retention) pruneDeadLetters(ctx context.Context, _ time.Time, progress func(rows int64)) error {
	return repeat(progress, func() (int64, error) {
		return r.q.DeadLetterPrune(ctx, dbsqlc.DeadLetterPruneParams{Events: r.events, MaxRows: pruneChunk})
	})
}

// pruneHistory forgets what became of undeliverable events after the same time as what became of the others.
func (r *Retention) pruneHistory(ctx context.Context, cutoff time.Time, progress func(rows int64)) error {
	return repeat(progress, func() (int64, error) {
		return r.q.DeadLetterHistoryPrune(ctx, dbsqlc.DeadLetterHistoryPruneParams{Cutoff: cutoff, Most: pruneChunk})
	})
}

// forgetRelayed walks over the blocks that the index names. Deleted rows stay in the way until the table is
// vacuumed: a search for the next chunk from the start each time would take a time that grows with the square of
// their number.
func (r *Retention) forgetRelayed(ctx context.Context, cutoff time.Time, progress func(rows int64)) error {
	before, err := r.q.RelayedForgettable(ctx, cutoff)
	if err != nil {
		return err
	}
	var first, last *int64
	if err := r.db.QueryRow(ctx, forgettableBlocks, before).Scan(&first, &last); err != nil {
		return err //nolint:wrapcheck // wrapped once, by Run
	}
	if first == nil || last == nil {
		return nil
	}
	for block := *first; block <= *last; block += forgetBlocks {
		rows, err := r.q.RelayedForget(ctx,
			dbsqlc.RelayedForgetParams{Before: before, FirstBlock: block, Blocks: forgetBlocks})
		if err != nil {
			return err
		}
		progress(rows)
	}
	return nil
}

func (r *Retention) pruneHeads(ctx context.Context, _ time.Time, progress func(rows int64)) error {
	return repeat(progress, func() (int64, error) {
		return r.q.StreamHeadPrune(ctx, dbsqlc.StreamHeadPruneParams{Idle: r.groups, MaxRows: pruneChunk})
	})
}

func (r *Retention) pruneImpliedGrants(ctx context.Context, _ time.Time, progress func(rows int64)) error {
	params := dbsqlc.GrantImpliedPruneParams{Idle: r.groups, MaxRows: pruneChunk}
	for {
		chunk, err := r.q.GrantImpliedPrune(ctx, params)
		if err != nil {
			return err
		}
		progress(chunk.Pruned)
		if chunk.Looked < pruneChunk {
			return nil
		}
		params.AfterWrittenAt, params.AfterID = chunk.LastWrittenAt, chunk.LastID
	}
}

func (r *Retention) pruneSupersededGrants(ctx context.Context, _ time.Time, progress func(rows int64)) error {
	return repeat(progress, func() (int64, error) { return r.q.GrantSupersededPrune(ctx, pruneChunk) })
}
