package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	victims     = 0.2 // the share of the clients that a fault hits
	mostLate    = 300 * time.Millisecond
	killedPart  = 0.5 // the share of Herald's backends
	faultOnTime = 20 * time.Millisecond
)

// inflict starts each fault of the schedule when its part of the events has been written, and returns when the last
// is over.
func (r *run) inflict(ctx context.Context, schedule []Fault) error {
	var under sync.WaitGroup
	defer under.Wait()
	for _, f := range schedule {
		for float64(r.writing.written.Load()) < f.At*float64(r.cfg.Events) {
			if !pause(ctx, faultOnTime) {
				return context.Cause(ctx)
			}
		}
		r.logf("fault: %s, node %d, for %s", f.Kind, f.Node, f.For.Round(time.Millisecond))
		under.Go(func() {
			if err := r.happen(ctx, f); err != nil && ctx.Err() == nil {
				r.fail(fmt.Errorf("%s: %w", f.Kind, err))
			}
		})
		r.count(f.Kind)
	}
	return nil
}

func (r *run) happen(ctx context.Context, f Fault) error {
	node := r.nodes[f.Node]
	rng := rand.New(rand.NewPCG(f.Seed, 0))
	switch f.Kind {
	case KillNode:
		node.kill(f.For / 2)
	case FreezeNode:
		node.freeze(ctx, f.For)
	case EndNode:
		node.terminate()
	case RestartDatabase, CrashDatabase:
		return r.restartDatabase(ctx, f)
	case KillBackends:
		return r.killBackends(ctx)
	case CutNetwork:
		node.database.cut()
	case DelayNetwork:
		node.database.delay.Store(rng.Int64N(int64(mostLate)))
		pause(ctx, f.For)
		node.database.delay.Store(0)
	case SilenceNetwork:
		speak := node.database.silence()
		pause(ctx, f.For)
		if rng.IntN(2) == 0 {
			node.database.cut()
		}
		speak()
	case CutClients, StickClients, RevokeGrants, StepClocks:
		return r.hitClients(ctx, f, rng)
	}
	return nil
}

func (r *run) restartDatabase(ctx context.Context, f Fault) error {
	r.database.Lock()
	defer r.database.Unlock()
	if f.Kind == CrashDatabase {
		if err := r.cfg.Database.Kill(ctx); err != nil {
			return fmt.Errorf("stopping it: %w", err)
		}
		pause(ctx, f.For/4)
	}
	if err := r.cfg.Database.Restart(ctx); err != nil {
		return fmt.Errorf("starting it again: %w", err)
	}
	return nil
}

// killBackends ends some of Herald's sessions.
func (r *run) killBackends(ctx context.Context) error {
	s := session{config: r.config}
	defer s.close() //nolint:contextcheck // its own time-out bounds it
	conn, err := s.get(ctx)
	if err != nil {
		return err
	}
	// It may fail where the database goes down at this moment: then all sessions end.
	_, _ = conn.Exec(ctx, `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
		WHERE a.datname = current_database() AND a.application_name <> $1 AND a.pid <> pg_backend_pid() AND random() < $2`, ownName, killedPart)
	return nil
}

// hitClients hits some clients with a fault at once.
func (r *run) hitClients(ctx context.Context, f Fault, rng *rand.Rand) error {
	var under sync.WaitGroup
	defer under.Wait()
	for _, c := range r.clients {
		// few clients can be shut out, so all of them are
		if rng.Float64() >= victims && (f.Kind != RevokeGrants || c.policy == "") {
			continue
		}
		seed := rng.Uint64()
		under.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 0))
			switch f.Kind {
			case CutClients:
				c.cut()
			case StickClients:
				c.stick(ctx, f.For)
			case StepClocks:
				c.step(ctx, f.For, rng)
			default: // RevokeGrants
				own := session{config: r.config}
				defer own.close() //nolint:contextcheck // its own time-out bounds it
				if err := c.shutOut(ctx, &own, f.For/2, rng); err != nil && ctx.Err() == nil {
					r.fail(err)
				}
			}
		})
	}
	return nil
}
