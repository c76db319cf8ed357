package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// shutOut revokes a client's grant for a while, and gives it back. Half of the clients notice, because their
// connection is cut and they may not resume; the others only receive no more events.
func (c *client) shutOut(ctx context.Context, s *session, d time.Duration, rng *rand.Rand) error {
	if c.policy == "" || !c.revoking.TryLock() {
		return nil
	}
	defer c.revoking.Unlock()
	var id uuid.UUID
	err := insist(ctx, s, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT herald.revoke_access($1, $2, $3)`, c.policy, c.resource,
			c.grant.Subject); err != nil {
			return fmt.Errorf("revoking: %w", err)
		}
		return tx.QueryRow(ctx, `SELECT event_id FROM herald.outbox WHERE xid = pg_current_xact_id()`).Scan(&id)
	})
	if err != nil {
		return err
	}
	if rng.IntN(2) == 0 {
		c.cut()
	}
	pause(ctx, d)
	// A node that handles the revocation after the new grant would take the client out of the group for good.
	if err := handled(ctx, s, c.nodes, id); err != nil {
		return err
	}
	c.revoked(id) // before the grant can have been committed
	if err := c.letIn(ctx, s); err != nil {
		return err
	}
	c.resume()
	return nil
}

// letIn grants the client what it follows.
func (c *client) letIn(ctx context.Context, s *session) error {
	return insist(ctx, s, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT herald.grant_access($1, $2, $3)`, c.policy, c.resource, c.grant.Subject)
		return err
	})
}

// insist repeats a transaction until it is known to have committed.
func insist(ctx context.Context, s *session, do func(pgx.Tx) error) error {
	for {
		conn, err := s.get(ctx)
		if err != nil {
			return err
		}
		bounded, cancel := context.WithTimeout(ctx, transactionTimeout)
		err = pgx.BeginFunc(bounded, conn, do)
		cancel()
		if err == nil {
			return nil
		}
		_ = conn.Close(ctx) // the next attempt gets a new one
		if !pause(ctx, retryPause) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// handled waits until every node has handled an event.
func handled(ctx context.Context, s *session, nodes []*node, id uuid.UUID) error {
	for _, n := range nodes {
		for {
			conn, err := s.get(ctx)
			if err != nil {
				return err
			}
			var done bool
			if running := n.id.Load(); n.where() != "" && running != nil &&
				conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM herald.relayed_event r
				JOIN herald.node n ON n.broadcast_position >= r.first_position WHERE r.event_id = $1 AND n.node_id = $2)`, id, *running).Scan(&done) == nil && done {
				break
			}
			if !pause(ctx, lookEvery) {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}
