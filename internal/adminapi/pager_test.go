package adminapi_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

var group = event.OrderGroup(uuid.MustParse(orderID))

// shelf is the log of one group in memory. As in a database, events may come and go after each Read.
type shelf struct {
	entries []event.Logged
	pruned  int // how many events have left the retention
	err     error

	afterLocate func()
}

func (s *shelf) append(n int) {
	for range n {
		sequence := int64(len(s.entries) + 1)
		s.entries = append(s.entries, event.Logged{
			Event: &event.Event{ID: uuid.New(), Type: event.CartUpdated}, Group: group, Position: sequence * 3,
			Sequence: sequence,
		})
	}
}

func (s *shelf) Locate(_ context.Context, g event.Group, id uuid.UUID) (int64, error) {
	for _, e := range s.entries[s.pruned:] {
		if e.ID == id && e.Group == g {
			if s.afterLocate != nil {
				s.afterLocate()
			}
			return e.Sequence, s.err
		}
	}
	return 0, eventlog.ErrUnknownEvent
}

func (s *shelf) Head(_ context.Context, _ event.Group, at int64) (uuid.UUID, int64, error) {
	if at != math.MaxInt64 || len(s.entries) == s.pruned {
		return uuid.Nil, int64(s.pruned), s.err
	}
	head := s.entries[len(s.entries)-1]
	return head.ID, head.Sequence, s.err
}

func (s *shelf) Read(_ context.Context, _ event.Group, after, _ int64, limit, maxBytes int) ([]event.Logged, error) {
	var page []event.Logged
	for _, e := range s.entries[s.pruned:] {
		if e.Sequence > after && len(page) < limit && (len(page) == 0 || maxBytes >= len(e.Payload)) {
			page = append(page, e)
			maxBytes -= len(e.Payload)
		}
	}
	return page, s.err
}

func (s *shelf) id(sequence int) *uuid.UUID { return &s.entries[sequence-1].ID }

// Acceptance.
func TestPager(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		events, pruned int
		after          func(s *shelf) *uuid.UUID
		status         string
		last           int // sequence; 0 for none
		page           []int64
	}{
		"live":                   {5, 0, func(*shelf) *uuid.UUID { return nil }, adminapi.Resumed, 5, nil},
		"live in an empty group": {0, 0, func(*shelf) *uuid.UUID { return nil }, adminapi.Resumed, 0, nil},
		"nothing missed":         {5, 0, func(s *shelf) *uuid.UUID { return s.id(5) }, adminapi.Resumed, 5, nil},
		"something missed": {
			5, 0, func(s *shelf) *uuid.UUID { return s.id(3) }, adminapi.Resumed, 5, []int64{4, 5},
		},
		"more than a page missed": {
			9, 0, func(s *shelf) *uuid.UUID { return s.id(1) }, adminapi.Resumed, 4, []int64{2, 3, 4},
		},
		"just within the limit": {
			11, 0, func(s *shelf) *uuid.UUID { return s.id(1) }, adminapi.Resumed, 4, []int64{2, 3, 4},
		},
		"beyond the limit":          {12, 0, func(s *shelf) *uuid.UUID { return s.id(1) }, adminapi.Gap, 12, nil},
		"unknown":                   {5, 0, func(*shelf) *uuid.UUID { id := uuid.New(); return &id }, adminapi.Gap, 5, nil},
		"unknown in an empty group": {0, 0, func(*shelf) *uuid.UUID { id := uuid.New(); return &id }, adminapi.Gap, 0, nil},
		"older than the retention":  {5, 3, func(s *shelf) *uuid.UUID { return s.id(2) }, adminapi.Gap, 5, nil},
		"from the beginning": {
			5, 0, func(*shelf) *uuid.UUID { return &uuid.UUID{} }, adminapi.Resumed, 3, []int64{1, 2, 3},
		},
		"from what is left of it": {
			14, 12, func(*shelf) *uuid.UUID { return &uuid.UUID{} }, adminapi.Resumed, 14, []int64{13, 14},
		},
		"the beginning, just within the limit": {
			10, 0, func(*shelf) *uuid.UUID { return &uuid.UUID{} }, adminapi.Resumed, 3, []int64{1, 2, 3},
		},
		"the beginning, beyond the limit": {
			11, 0, func(*shelf) *uuid.UUID { return &uuid.UUID{} }, adminapi.Gap, 11, nil,
		},
		"from the beginning where nothing is left": {
			5, 5, func(*shelf) *uuid.UUID { return &uuid.UUID{} }, adminapi.Resumed, 0, nil,
		},
		"live where nothing is left": {5, 5, func(*shelf) *uuid.UUID { return nil }, adminapi.Resumed, 0, nil},
		"the beginning of an empty group": {
			0, 0, func(*shelf) *uuid.UUID { return &uuid.UUID{} }, adminapi.Resumed, 0, nil,
		},
		"pruned between finding and reading": {
			9, 0, func(s *shelf) *uuid.UUID { s.afterLocate = func() { s.pruned = 4 }; return s.id(2) }, adminapi.Gap, 9, nil,
		},
		"all pruned between finding and reading": {
			9, 0, func(s *shelf) *uuid.UUID { s.afterLocate = func() { s.pruned = 9 }; return s.id(2) }, adminapi.Gap, 9, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{pruned: test.pruned}
			s.append(test.events)
			status, last, page, err := adminapi.NewPager(s, 10).Replay(t.Context(), group, test.after(s), 3)
			require.NoError(t, err)
			require.Equal(t, test.status, status)
			var sequences []int64
			for _, e := range page {
				sequences = append(sequences, e.Sequence)
			}
			require.Equal(t, test.page, sequences)
			if test.last == 0 {
				require.Equal(t, uuid.Nil, last)
			} else {
				require.Equal(t, *s.id(test.last), last)
			}
		})
	}
}

func TestPagerPassesErrorsOn(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	s.append(3)
	s.err = errors.New("no database")
	for _, after := range []*uuid.UUID{nil, {}, s.id(1)} {
		_, _, _, err := adminapi.NewPager(s, 10).Replay(t.Context(), group, after, 3)
		require.ErrorIs(t, err, s.err)
	}
}

// A client polls from its last cursor while events are published and leave the retention. It sees every event once
// and in order, except where a gap was announced.
//
// Acceptance.
func TestPollingNeverSkipsSilently(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{}
		limit := rapid.IntRange(1, 20).Draw(t, "replay limit")
		pager := adminapi.NewPager(s, limit)
		cursor := &uuid.UUID{}
		var seen int64 // every event up to here was delivered or declared missing
		anything := false
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) { s.append(rapid.IntRange(1, 8).Draw(t, "events")) },
			"prune": func(t *rapid.T) {
				s.pruned = rapid.IntRange(s.pruned, len(s.entries)).Draw(t, "up to")
				if !anything {
					seen = int64(s.pruned) // the beginning of the retained events
				}
			},
			"poll": func(t *rapid.T) {
				newest := int64(len(s.entries))
				status, last, page, err := pager.Replay(t.Context(), group, cursor, rapid.IntRange(1, limit).Draw(t, "limit"))
				require.NoError(t, err)
				cursor = &last
				if status == adminapi.Gap {
					require.Empty(t, page)
					seen, anything = newest, last != uuid.Nil
					if !anything {
						seen = int64(s.pruned)
					}
					return
				}
				for _, e := range page {
					require.Equal(t, seen+1, e.Sequence)
					seen, anything = e.Sequence, true
				}
				require.True(
					t, len(page) > 0 || newest == seen || s.pruned == len(s.entries), "an empty page means that nothing is behind",
				)
			},
		})
	})
}
