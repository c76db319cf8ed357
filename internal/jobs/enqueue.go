package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

// periodic is a job that is enqueued at regular intervals.
type periodic struct {
	args  river.JobArgs
	every time.Duration
}

func periodics(cfg Config) []periodic {
	all := []periodic{
		{sweepArgs{}, sweepInterval},
		{partitionsArgs{}, partitionsInterval},
		{retentionArgs{}, retentionInterval},
		{housekeepingArgs{}, housekeepingInterval},
		{selfcheckArgs{}, selfcheckInterval},
		{reindexArgs{}, reindexInterval},
	}
	if cfg.StatsInterval > 0 {
		all = append(all, periodic{statisticsArgs{}, cfg.StatsInterval})
	}
	return all
}

// register makes the periodic jobs known. A known job keeps its time.
const register = `
INSERT INTO herald.periodic_job AS p (kind, every)
SELECT unnest($1::text[]), make_interval(secs => unnest($2::float8[]))
ON CONFLICT (kind) DO UPDATE SET every = excluded.every WHERE p.every <> excluded.every`

// enqueue enqueues the periodic jobs that are due, on any node: of several nodes that ask at once one does it. A job
// is left out while the one before has not been begun. Nodes look twice a second, so a quarter of a second early
// counts as in time. A time that lies in the future was written before the database's clock was set back; small
// differences are those of two transactions.
const enqueue = `
WITH due AS (
    SELECT p.kind, t.most FROM herald.periodic_job p
    JOIN (SELECT unnest($1::text[]) AS kind, unnest($2::int[]) AS most) t ON t.kind = p.kind
    WHERE (p.enqueued_at <= now() - p.every + interval '0.25 s' OR p.enqueued_at > now() + interval '5 s')
        AND NOT EXISTS (SELECT FROM ` + riverJobs + ` j WHERE j.id = p.job_id AND j.state = 'available' AND j.scheduled_at <= now())
    FOR UPDATE OF p SKIP LOCKED
), made AS (
    INSERT INTO ` + riverJobs + ` (kind, args, max_attempts) SELECT d.kind, '{}', d.most FROM due d RETURNING id, kind
)
UPDATE herald.periodic_job p SET enqueued_at = now(), job_id = made.id FROM made WHERE made.kind = p.kind`

func (j *Jobs) register(ctx context.Context) error {
	all := periodics(j.cfg)
	kinds, every := make([]string, len(all)), make([]float64, len(all))
	for i, p := range all {
		kinds[i], every[i] = p.args.Kind(), p.every.Seconds()
	}
	if _, err := j.cfg.Pool.Exec(ctx, register, kinds, every); err != nil {
		return fmt.Errorf("registering the periodic jobs: %w", err)
	}
	return nil
}

// enqueue enqueues the due jobs and returns their number.
func (j *Jobs) enqueue(ctx context.Context) (int64, error) {
	all := periodics(j.cfg)
	kinds, most := make([]string, len(all)), make([]int, len(all))
	for i, p := range all {
		kinds[i], most[i] = p.args.Kind(), river.MaxAttemptsDefault
		if args, ok := p.args.(river.JobArgsWithInsertOpts); ok {
			most[i] = args.InsertOpts().MaxAttempts
		}
	}
	tag, err := j.cfg.Pool.Exec(ctx, enqueue, kinds, most)
	if err != nil {
		return 0, fmt.Errorf("enqueuing periodic jobs: %w", err)
	}
	return tag.RowsAffected(), nil
}
