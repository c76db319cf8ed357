package torture

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

// settle waits until everything is at rest after the faults. Whatever does not come to rest is a finding.
func (r *run) settle(ctx context.Context, s *session) error {
	r.logf("the faults are over")
	if err := r.awaitNodes(ctx, r.cfg.Patience); err != nil {
		r.unsettled("all nodes to be ready", err.Error())
	}
	r.settled.Store(true)
	if err := r.publishLast(ctx, s); err != nil {
		return err
	}
	if err := r.awaitRelayed(ctx, s); err != nil {
		return err
	}
	r.logf("everything has been relayed")
	heads, err := readHeads(ctx, s)
	if err != nil {
		return err
	}
	trackers := r.trackers()
	arrived := eventually(ctx, r.cfg.Patience, func() bool {
		for _, t := range trackers {
			if t.place() < heads[t.group] {
				return false
			}
		}
		return true
	})
	if arrived {
		r.logf("everybody has arrived at the newest event")
		return nil
	}
	for _, t := range trackers {
		if at := t.place(); at < heads[t.group] {
			t.mu.Lock()
			trouble := t.trouble
			t.mu.Unlock()
			t.find(checker.Unsettled, uuid.Nil, fmt.Sprintf("to have arrived at %d within %s", heads[t.group], r.cfg.Patience),
				fmt.Sprintf("%d; what troubled it last: %s", at, trouble))
		}
	}
	return nil
}

func (r *run) unsettled(expected, got string) {
	r.verdict.add(checker.Finding{Kind: checker.Unsettled, Client: "(everything)", Expected: expected, Got: got})
}

// trackers are the records of all clients.
func (r *run) trackers() []*tracker {
	all := make([]*tracker, 0, len(r.clients)+len(r.scripts))
	for _, c := range r.clients {
		all = append(all, &c.tracker)
	}
	for _, c := range r.scripts {
		all = append(all, &c.tracker)
	}
	return all
}

// publishLast publishes one more event for each group, so that an earlier event that comes twice has come before
// it.
func (r *run) publishLast(ctx context.Context, s *session) error {
	var t transaction
	p := &planner{world: r.world}
	for i := range r.world.orders {
		e := &r.world.orders[i]
		p.add(&t, last(event.OrderStatusChanged, publication{order: e, audience: "Both", chain: e.chain}), "Last")
	}
	for i := range r.world.carts {
		c := &r.world.carts[i]
		p.add(&t, last(event.CartPaymentEvent, publication{cart: c, chain: c.chain}), "Last")
	}
	oneOf := map[event.Group]event.Type{}
	for _, name := range ofFamily(event.Admin) {
		group, _ := event.AdminGroup(name.Method())
		oneOf[group] = name
	}
	for _, name := range oneOf {
		p.add(&t, last(name, publication{chain: r.world.admins[0]}), "Last")
	}
	long := &r.world.long
	p.add(&t, last(event.OrderStatusChanged, publication{order: long, audience: "Both", chain: long.chain}), "Last")
	err := insist(ctx, s, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for _, statement := range t.statements {
			batch.Queue(statement.sql, statement.args...)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("publishing the last events: %w", err)
	}
	return nil
}

// last is one more event of a type.
func last(of event.Type, p publication) publication {
	p.id, p.eventType = uuid.Must(uuid.NewV7()), of
	return p
}

// awaitRelayed waits until every committed event has its place in the log.
func (r *run) awaitRelayed(ctx context.Context, s *session) error {
	var waiting string
	var broken error
	relayed := eventually(ctx, r.cfg.Patience, func() bool {
		conn, err := s.get(ctx)
		if err != nil {
			broken = err
			return true
		}
		err = conn.QueryRow(ctx, `SELECT coalesce((SELECT o.event_id::text FROM herald.outbox o
			WHERE NOT EXISTS (SELECT FROM herald.relayed_event r WHERE r.event_id = o.event_id) LIMIT 1), '')`).Scan(&waiting)
		return err == nil && waiting == ""
	})
	if broken != nil {
		return broken
	}
	if !relayed {
		r.unsettled("every event to be relayed within "+r.cfg.Patience.String(),
			waiting+" waits, and perhaps others; jobs: "+pendingJobs(ctx, s))
	}
	return nil
}

func readHeads(ctx context.Context, s *session) (map[event.Group]int64, error) {
	heads := map[event.Group]int64{}
	conn, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `SELECT group_name, max(sequence) FROM herald.event_log GROUP BY group_name`)
	if err != nil {
		return nil, fmt.Errorf("reading the groups' heads: %w", err)
	}
	var name string
	var head int64
	_, err = pgx.ForEachRow(rows, []any{&name, &head}, func() error {
		group, err := event.ParseGroup(name)
		heads[group] = head
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the groups' heads: %w", err)
	}
	return heads, nil
}

// pendingJobs describes the state of the jobs for events that wait for their time.
func pendingJobs(ctx context.Context, s *session) (all string) {
	conn, err := s.get(ctx)
	if err == nil {
		err = conn.QueryRow(ctx, `SELECT coalesce(string_agg(j.jobs, ', '), 'none') FROM (
			SELECT count(*) || ' ' || kind || ' ' || state || ' since ' || min(attempted_at) || ' in attempt ' || max(attempt) AS jobs
			FROM `+jobs.Table+` WHERE kind IN ('deliver_scheduled', 'retry_event') AND state <> 'completed' GROUP BY kind, state) j`).Scan(&all)
	}
	if err != nil {
		return err.Error()
	}
	return all
}
