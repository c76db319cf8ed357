package broadcast

import (
	"context"
	"errors"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// catchUp sends, from the log, the events up to P that the client lacks. Meanwhile the member holds back live
// events. No lock is held.
func (r *resume) catchUp(ctx context.Context) (status string, err error) {
	replay := &eventlog.Replay{
		Log: r.log, Group: r.name, UpTo: r.at,
		// the other half waits in the queue
		Limit: r.cfg.ReplayLimit, ChunkBytes: r.cfg.ReplayBytes / 2, Timeout: r.cfg.HistoryTimeout,
	}
	if !r.head.known {
		newest, err := replay.Head(ctx)
		if err != nil {
			return "", err
		}
		r.head = head{eventID: newest.EventID, sequence: newest.Sequence, known: true}
		r.headAtP = r.head
	}
	if r.cursor.Kind == eventlog.Live {
		return Resumed, nil
	}
	cursor, err := replay.Locate(ctx, r.cursor, eventlog.Head{EventID: r.head.eventID, Sequence: r.head.sequence})
	if errors.Is(err, eventlog.ErrGap) {
		return Gap, nil
	}
	if err != nil {
		return "", err
	}
	p := r.span(cursor)
	chunks, err := replay.Read(p)
	if err == nil {
		err = r.sendAll(ctx, chunks)
	}
	switch {
	case errors.Is(err, eventlog.ErrGap):
		return Gap, nil
	case err != nil:
		return "", err
	}
	r.settled(p)
	return Resumed, nil
}

// sendAll sends the events of a replay. The retention may tear a hole at any moment: a hole is a gap, even behind
// events that have been sent.
func (r *resume) sendAll(ctx context.Context, chunks *eventlog.Chunks) error {
	queued := 0 // bytes since the last wait
	for {
		entries, err := chunks.Next(ctx, r.cfg.ReplayLimit)
		for i, l := range entries {
			entries[i] = event.Logged{} // a client that does not read holds only its queue, not the entries behind it
			m := r.encode(ctx, l, r.shape)
			if m == nil {
				continue
			}
			if queued += m.Size(); queued > r.cfg.ReplayBytes/2 {
				if err := r.awaitRoom(ctx); err != nil {
					return err
				}
				queued = m.Size()
			}
			if why := r.member.gone(); why != present {
				return why.err()
			}
			if err := r.send(m); err != nil {
				return err
			}
		}
		if err != nil || len(entries) == 0 {
			return err
		}
	}
}

// end takes the lock again to join the member, or undoes begin.
func (r *resume) end(ctx context.Context, status string, failed error) error {
	m := r.member
	s := m.group.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if why := m.gone(); why != present {
		return why.err()
	}
	if failed == nil {
		// If nothing has come since P, this is still the head. An empty group may be the work of the retention and is not
		// kept.
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
