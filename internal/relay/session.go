package relay

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/outbox"
)

// session is the state machine that the package's doc draws.
type session struct {
	*Relay
	conn      *pgx.Conn
	memory    outbox.Memory
	timer     *time.Timer
	armed     bool    // producers notify, as far as this node knows
	unsettled []int64 // transactions that may have written before the relay was armed
	lastFound time.Time

	busy    int   // looks in a row at which somebody else had the lock
	reached int64 // by whatever relay, at the last of these that counted
	inTurn  bool  // the next look waits in line
}

func (s *session) run(ctx context.Context, well func()) error {
	for {
		start := time.Now()
		drained, err := s.step(ctx)
		if well != nil && (err == nil || errors.Is(err, outbox.ErrBusy) || errors.Is(err, outbox.ErrPaused)) {
			well()
			well = nil
		}
		switch {
		case errors.Is(err, outbox.ErrBusy):
			if err := s.giveWay(ctx); err != nil {
				return err
			}
			continue
		case errors.Is(err, outbox.ErrPaused):
			if err := s.waitForResume(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		default:
			s.armed = drained.Armed
			if drained.Rows > 0 {
				s.lastFound = time.Now()
			}
			if drained.More {
				continue
			}
			if drained.Rows > busyRows {
				if err := s.pause(ctx, min(time.Since(start), restMost)); err != nil {
					return err
				}
				continue
			}
			if drained.Rows > 0 && !s.armed {
				continue
			}
			if !s.armed && time.Since(s.lastFound) < s.cfg.Linger {
				if err := s.pause(ctx, lingerStep); err != nil {
					return err
				}
				continue
			}
		}
		if err := s.sleep(ctx); err != nil {
			return err
		}
	}
}

// sleep returns when there is something to relay, or may be.
func (s *session) sleep(ctx context.Context) error {
	if !s.armed {
		if err := s.arm(ctx); err != nil {
			return err
		}
		s.armed = true
		glance, err := s.peek(ctx)
		if err != nil {
			return err
		}
		if glance.Waiting {
			return nil
		}
		s.unsettled = glance.InProgress
	}
	for wait := settleStep; ; wait *= 2 {
		if len(s.unsettled) == 0 || wait > s.cfg.PollInterval {
			wait = s.cfg.PollInterval
		}
		s.timer.Reset(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
			return nil
		case <-s.timer.C:
		}
		glance, err := s.peek(ctx)
		if err != nil {
			return err
		}
		s.looked()
		if glance.Waiting {
			return nil
		}
		s.unsettled = slices.DeleteFunc(s.unsettled, func(xid int64) bool { return !slices.Contains(glance.InProgress, xid) })
	}
}

// waitForResume returns when the relay is not paused any more. Nobody has to notify it meanwhile but the one who ends the pause.
func (s *session) waitForResume(ctx context.Context) error {
	s.armed = false
	if err := s.disarm(ctx); err != nil {
		return err
	}
	for {
		s.timer.Reset(s.cfg.PollInterval)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-s.timer.C:
		}
		glance, err := s.peek(ctx)
		if err != nil || !glance.Paused {
			return err
		}
		s.looked()
	}
}

func (s *session) step(ctx context.Context) (Drained, error) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	begin := beginner(outbox.Begin)
	if s.inTurn {
		begin, s.inTurn = outbox.BeginInTurn, false
	}
	drained, err := s.drain(ctx, s.conn, begin, &s.memory)
	if !errors.Is(err, outbox.ErrBusy) {
		s.busy = 0
	}
	return drained, err
}

// giveWay leaves the lock to whoever has it. Another node that relays will not sleep before it has looked. But those who hold it
// for one event each, that was scheduled or is tried again, wait for it in line: where nobody has relayed for a while, so does this relay.
func (s *session) giveWay(ctx context.Context) error {
	if s.busy++; s.busy%busyPatience == 0 {
		glance, err := s.peek(ctx)
		if err != nil {
			return err
		}
		stuck := glance.Waiting && glance.Reached == s.reached
		if !stuck {
			s.looked()
		}
		s.inTurn = s.busy > busyPatience && stuck
		s.reached = glance.Reached
	}
	return s.pause(ctx, busyPause)
}

func (s *session) arm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return outbox.Arm(ctx, s.conn)
}

func (s *session) peek(ctx context.Context) (outbox.Glance, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return outbox.Peek(ctx, s.conn)
}

func (s *session) disarm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return outbox.Disarm(ctx, s.conn)
}

func (s *session) pause(ctx context.Context, d time.Duration) error {
	s.timer.Reset(d)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.timer.C:
		return nil
	}
}
