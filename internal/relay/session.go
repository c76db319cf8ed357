package relay

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/relay/pass"
)

// session is the state machine that the package doc draws.
type session struct {
	*Relay
	conn      *pgx.Conn
	memory    pass.Memory
	timer     *time.Timer
	armed     bool    // producers notify, as far as this node knows
	unsettled []int64 // transactions that may have written before the relay was armed
	lastFound time.Time

	woken bool // by a notification, since the last pass
	vain  vain
	spent time.Time // since when looks find the count of notifying transactions used up; zero: it is not
	close time.Time // until when the relay looks closely

	busy    int   // looks in a row at which another transaction had the lock
	reached int64 // the seq that the relays had reached at the last peek
	inTurn  bool  // the next look waits in line
}

func (s *session) run(ctx context.Context, well func()) error {
	for {
		start := time.Now()
		done, err := s.step(ctx)
		if well != nil && (err == nil || errors.Is(err, pass.ErrBusy) || errors.Is(err, pass.ErrPaused)) {
			well()
			well = nil
		}
		switch {
		case errors.Is(err, pass.ErrBusy):
			if err := s.giveWay(ctx); err != nil {
				return err
			}
			continue
		case errors.Is(err, pass.ErrPaused):
			if err := s.waitForResume(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		default:
			s.armed = done.Armed
			if done.Rows > 0 {
				s.lastFound = time.Now()
				s.vain.found()
			} else if s.woken {
				s.vain.nothing()
			}
			s.woken = false
			if done.More {
				continue
			}
			if done.Rows > busyRows {
				if err := s.pause(ctx, min(time.Since(start), restMost)); err != nil {
					return err
				}
				continue
			}
			if done.Rows > 0 && !s.armed {
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

// sleep returns when there is or may be something to relay.
func (s *session) sleep(ctx context.Context) error {
	for wait := settleStep; ; wait *= 2 {
		if !s.armed {
			waiting, err := s.settle(ctx)
			if err != nil || waiting {
				return err
			}
		}
		if len(s.unsettled) == 0 || wait > s.cfg.PollInterval {
			wait = s.cfg.PollInterval
		}
		woken, err := s.wait(ctx, wait)
		if err != nil || woken {
			s.woken = woken
			return err
		}
		glance, err := s.peek(ctx)
		if err != nil {
			return err
		}
		s.looked()
		s.count(glance.Spent)
		if glance.Waiting {
			s.vain.found()
			return nil
		}
		s.unsettled = slices.DeleteFunc(s.unsettled,
			func(xid int64) bool { return !slices.Contains(glance.InProgress, xid) })
	}
}

// settle arms, looks once more, and reports whether anything waits.
func (s *session) settle(ctx context.Context) (waiting bool, err error) {
	if err := s.arm(ctx); err != nil {
		return false, err
	}
	s.armed, s.spent = true, time.Time{}
	glance, err := s.peek(ctx)
	if err != nil {
		return false, err
	}
	s.unsettled = glance.InProgress
	return glance.Waiting, nil
}

// wait returns when it is time to look. It reports whether a wake-up came first.
func (s *session) wait(ctx context.Context, wait time.Duration) (woken bool, err error) {
	wake := s.wake
	if throttled := s.vain.throttled(); throttled || time.Now().Before(s.close) {
		wait = min(wait, closeLook)
		if throttled {
			wake = nil
			defer s.vain.relax(s.wake)
		}
	}
	s.timer.Reset(wait)
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-wake:
		return true, nil
	case <-s.timer.C:
		return false, nil
	}
}

// count notes whether a look finds the count of notifying transactions used up: by transactions that stay open or
// roll back, or by a producer that does nothing else. Commits do not notify then, so the relay looks closely. It
// begins the count anew only when the count has stayed used up for a PollInterval: transactions that are just
// committing need no further ones that notify beside them.
func (s *session) count(spent bool) {
	now := time.Now()
	switch {
	case !spent:
		s.spent = time.Time{}
		return
	case s.spent.IsZero():
		s.spent = now
	case now.Sub(s.spent) > s.cfg.PollInterval:
		s.armed = false
	}
	s.close = now.Add(closeFor)
}

// waitForResume returns when the relay is not paused any more. Only the end of the pause needs to notify it.
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
		if err := s.pause(ctx, closeLook); err != nil { // however often it is woken
			return err
		}
	}
}

func (s *session) step(ctx context.Context) (Passed, error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	inTurn := s.inTurn
	s.inTurn = false
	done, err := s.pass(ctx, s.conn, inTurn, &s.memory)
	if !errors.Is(err, pass.ErrBusy) {
		s.busy = 0
	}
	return done, err
}

// giveWay leaves the lock to its holder. Another node that relays does not sleep before it has looked. But jobs that
// hold the lock for one event each, one that was scheduled or is tried again, wait for it in line: where no relay
// has made progress for a while, this relay waits in line, too.
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
	return pass.Arm(ctx, s.conn)
}

func (s *session) peek(ctx context.Context) (pass.Glance, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return pass.Peek(ctx, s.conn)
}

func (s *session) disarm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return pass.Disarm(ctx, s.conn)
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
