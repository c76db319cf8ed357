package signalr

import (
	"bytes"
	"context"
	"fmt"
)

// next waits for the next item and takes it. It returns nil where there is none, with the error where that ends the
// stream.
func (u *upload) next() ([]byte, error) {
	for {
		over := u.ctx.Err() != nil // before take: items that arrived ahead of the end count
		if raw, err, ok := u.streams.take(u); ok {
			return raw, err
		}
		if over {
			if u.connection.Err() != nil {
				return nil, ErrClosed
			}
			return nil, fmt.Errorf("waiting for the client's stream: %w", context.Cause(u.ctx))
		}
		select {
		case <-u.more:
		case <-u.ctx.Done():
		}
	}
}

type placed int

const (
	taken placed = iota
	unknown
	full
)

// put keeps an item of the stream id, unless more than limit bytes would then wait.
func (s *streams) put(id string, item []byte, limit int) placed {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	switch {
	case u == nil:
		return unknown
	case len(u.items) == uploadItems || s.waiting > 0 && s.waiting+len(item) > limit:
		return full
	}
	u.items = append(u.items, bytes.Clone(item))
	s.waiting += len(item)
	signal(u.more)
	return taken
}

// take returns false where there is neither an item nor an end yet.
func (s *streams) take(u *upload) ([]byte, error, bool) { //nolint:revive // an item, or what there is instead
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(u.items) == 0 {
		return nil, u.err, u.ended
	}
	raw := u.items[0]
	u.items[0] = nil
	u.items = u.items[1:]
	s.waiting -= len(raw)
	signal(s.room)
	return raw, nil, true
}

// complete ends the stream id behind its waiting items. It returns false where there is no such stream.
func (s *streams) complete(id string, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if u == nil {
		return false
	}
	delete(s.uploads, id)
	u.ended, u.err = true, err
	signal(u.more)
	return true
}

// end ends u at once: its waiting items are dropped.
func (s *streams) end(u *upload, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(u, err)
}

// uploadItems is how many items of one stream wait for the method: StreamBufferCapacity of ASP.NET Core.
const uploadItems = 10
