package broadcast

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// catchUp sends, from the log, what the client needs up to P, while the member holds back what arrives live. No lock is held.
func (r *resume) catchUp(ctx context.Context) (status string, err error) {
	if !r.head.known {
		if r.head.eventID, r.head.sequence, err = r.readHead(ctx); err != nil {
			return "", err
		}
		r.head.known = true
		r.headAtP = r.head
	}
	if r.cursor.Kind == Live {
		return Resumed, nil
	}
	cursor, err := r.locate(ctx)
	if errors.Is(err, ErrUnknownEvent) {
		return Gap, nil
	}
	if err != nil {
		return "", err
	}
	p := r.span(cursor)
	if p.events() > int64(r.cfg.ReplayLimit) {
		return Gap, nil
	}
	if status, err = r.replay(ctx, p); status == Resumed {
		r.settled(p)
	}
	return status, err
}

// replay sends the events of p. A hole, which the retention may tear at any moment, is a gap, even behind events that have
// been sent.
func (r *resume) replay(ctx context.Context, p span) (status string, err error) {
	queued := 0 // since the last wait
	limit := r.cfg.ReplayLimit
	for p.events() > 0 {
		entries, err := r.read(ctx, p.after, int(min(p.events(), int64(limit))))
		if err != nil {
			return "", err
		}
		if len(entries) == 0 {
			return Gap, nil
		}
		limit = r.nextLimit(entries)
		for i, l := range entries {
			entries[i] = event.Logged{} // a client that does not read holds what is queued for it, and not what led to that
			if l.Sequence != p.after+1 {
				return Gap, nil
			}
			p.after++
			m := r.encode(ctx, l, r.shape)
			if m == nil {
				continue
			}
			if queued += m.Size(); queued > r.cfg.ReplayBytes/2 {
				if err := r.drain(ctx); err != nil {
					return "", err
				}
				queued = m.Size()
			}
			if why := r.member.gone(); why != present {
				return "", why.err()
			}
			if err := r.send(m); err != nil {
				return "", err
			}
		}
	}
	return Resumed, nil
}

// nextLimit returns how many entries as large as these the next read has room for, and one more, so that no more are sent in vain.
func (r *resume) nextLimit(entries []event.Logged) int {
	bytes := 0
	for _, l := range entries {
		bytes += expectedSize(l)
	}
	return min(r.cfg.ReplayLimit, r.readBytes()*len(entries)/bytes+1)
}

// readBytes is how much one read of the log may return: it is held beside what waits in the queue.
func (r *resume) readBytes() int { return r.cfg.ReplayBytes / 2 } //nolint:mnd // as much as is queued before waiting

// end takes the lock again for the moment of joining, or undoes what begin did.
func (r *resume) end(ctx context.Context, status string, failed error) error {
	m := r.member
	s := m.group.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if why := m.gone(); why != present {
		return why.err()
	}
	if failed == nil {
		// If nothing has come since P, this is still the head. None at all may be the work of the retention: not worth keeping.
		if !m.group.head.known && r.headAtP.sequence > 0 {
			m.group.head = r.headAtP
		}
		return r.finish(ctx, status)
	}
	if r.fresh || errors.Is(failed, ErrDisconnected) {
		r.remove(m, leftByItself)
		return failed
	}
	m.shape = r.was
	return errors.Join(failed, r.release(ctx))
}

// locate returns the cursor's sequence.
func (r *resume) locate(ctx context.Context) (sequence int64, err error) {
	if r.cursor.Kind == Beginning {
		oldest, err := r.read(ctx, 0, 1)
		if err != nil || len(oldest) == 0 {
			return r.head.sequence, err
		}
		return oldest[0].Sequence - 1, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.HistoryTimeout)
	defer cancel()
	sequence, err = r.history.Locate(ctx, r.name, r.cursor.EventID)
	if err != nil && !errors.Is(err, ErrUnknownEvent) {
		err = fmt.Errorf("locating the cursor in %s: %w", r.name, err)
	}
	return sequence, err
}

func (r *resume) readHead(ctx context.Context) (uuid.UUID, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.HistoryTimeout)
	defer cancel()
	eventID, sequence, err := r.history.Head(ctx, r.name, r.at)
	if err != nil {
		return uuid.Nil, 0, fmt.Errorf("reading the head of %s: %w", r.name, err)
	}
	return eventID, sequence, nil
}

func (r *resume) read(ctx context.Context, after int64, limit int) ([]event.Logged, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.HistoryTimeout)
	defer cancel()
	entries, err := r.history.Read(ctx, r.name, after, r.at, limit, r.readBytes())
	if err != nil {
		return nil, fmt.Errorf("reading the events of %s: %w", r.name, err)
	}
	return entries, nil
}
