package policy_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/test/counted"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// oracle is a database whose answers are counted, and held back until the test wants them.
type oracle struct {
	asked   atomic.Int32
	answers chan bool // each answers one question
}

func newOracle(ready ...bool) *oracle {
	o := &oracle{answers: make(chan bool, 100)}
	for _, answer := range ready {
		o.answers <- answer
	}
	return o
}

func (o *oracle) answer(ctx context.Context) (bool, error) {
	o.asked.Add(1)
	select {
	case yes := <-o.answers:
		return yes, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

const lifetime = 2 * time.Second

func remembering(t *testing.T, o *oracle) (*policy.Checker, *prometheus.Registry) {
	t.Helper()
	count := prometheus.NewRegistry()
	return checker(t,
		policy.Config{Cache: lifetime, Metrics: policy.NewMetrics(count), Logger: slog.New(slog.DiscardHandler)},
		answer(o.answer)), count
}

func authorize(t *testing.T, c *policy.Checker, user string, g event.Group) error {
	t.Helper()
	return c.Authorize(t.Context(), &auth.Principal{Subject: user}, g)
}

func TestAYesIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOracle(true, false)
		c, count := remembering(t, o)
		for range 3 {
			require.NoError(t, authorize(t, c, "u", event.OrderGroup(resource)))
			time.Sleep(lifetime/3 - 1)
		}
		require.Equal(t, int32(1), o.asked.Load())
		require.Equal(t, 2, counted.Of(count, "authorize_cache_hits_total"))
		time.Sleep(5 * time.Nanosecond)
		require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.OrderGroup(resource)), "it has been forgotten")
		require.Equal(t, 2, counted.Of(count, "authorize_cache_misses_total"))
	})
}

// The age of a remembered answer counts from the question, however long the answer took.
func TestALateYesIsNotRememberedLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOracle()
		c, _ := remembering(t, o)
		go func() {
			time.Sleep(lifetime - 1)
			o.answers <- true
		}()
		require.NoError(t, authorize(t, c, "u", event.OrderGroup(resource)))
		o.answers <- false
		require.NoError(t, authorize(t, c, "u", event.OrderGroup(resource)))
		time.Sleep(time.Nanosecond)
		require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.OrderGroup(resource)))
	})
}

func TestANoAndAFailureAreNotRemembered(t *testing.T) {
	t.Parallel()
	failing := errors.New("the database is away")
	answers := []error{policy.ErrForbidden, failing, policy.ErrForbidden, nil}
	var asked atomic.Int32
	c := checker(t, policy.Config{Cache: lifetime, Logger: slog.New(slog.DiscardHandler)},
		answer(func(context.Context) (bool, error) {
			switch err := answers[asked.Add(1)-1]; {
			case errors.Is(err, failing):
				return true, err
			default:
				return err == nil, nil
			}
		}))
	require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.TeamCartGroup(resource)))
	require.Equal(t, policy.ErrUndecided, authorize(t, c, "u", event.TeamCartGroup(resource)))
	require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.TeamCartGroup(resource)))
	require.NoError(t, authorize(t, c, "u", event.TeamCartGroup(resource)))
}

func TestWhatIsRememberedIsOneUsersInOneGroup(t *testing.T) {
	t.Parallel()
	o := newOracle(true, false, false, false, false)
	c, _ := remembering(t, o)
	require.NoError(t, authorize(t, c, "u", event.OrderGroup(resource)))
	require.Equal(t, policy.ErrForbidden, authorize(t, c, "v", event.OrderGroup(resource)))
	require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.OrderGroup(elsewhere)))
	require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.RestaurantGroup(resource)))
	require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.TeamCartGroup(resource)))
}

func TestARevocationEndsWhatIsRemembered(t *testing.T) {
	t.Parallel()
	for name, revoked := range map[string]string{"of the user": "u", "of nobody knows whom": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOracle(true, true, false, false)
			c, _ := remembering(t, o)
			require.NoError(t, authorize(t, c, "u", event.OrderGroup(resource)))
			require.NoError(t, authorize(t, c, "u", event.TeamCartGroup(resource)))
			c.Revoked(revoked)
			require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.OrderGroup(resource)))
			require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.TeamCartGroup(resource)),
				"in whichever group: a service's own function may look at both")
		})
	}
}

// The race that a cache can lose: a question is asked before the revocation commits, and answered after the node
// has read it.
func TestAYesThatIsUnderWayDuringARevocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOracle()
		c, _ := remembering(t, o)
		early, late := make(chan error, 1), make(chan error, 1)
		go func() { early <- authorize(t, c, "u", event.OrderGroup(resource)) }()
		synctest.Wait()
		c.Revoked("u")
		go func() { late <- authorize(t, c, "u", event.OrderGroup(resource)) }()
		synctest.Wait()
		require.Equal(t, int32(2), o.asked.Load(), "the second does not wait for the answer to the first")
		o.answers <- true // the first one's: questions are answered in their order
		require.NoError(t, <-early)
		o.answers <- false
		require.Equal(t, policy.ErrForbidden, <-late)
		o.answers <- false
		require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", event.OrderGroup(resource)), "nor is it remembered")
	})
}

func TestEqualQuestionsArePutOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOracle()
		c, count := remembering(t, o)
		const callers = 50
		results := make(chan error, callers)
		for range callers {
			go func() { results <- authorize(t, c, "u", event.OrderGroup(resource)) }()
		}
		synctest.Wait()
		require.Equal(t, int32(1), o.asked.Load())
		o.answers <- true
		for range callers {
			require.NoError(t, <-results)
		}
		require.Equal(t, int32(1), o.asked.Load())
		require.Equal(t, callers-1, counted.Of(count, "authorize_cache_hits_total"))
		require.Equal(t, 1, counted.Of(count, "authorize_cache_misses_total"))
	})
}

// A caller that comes while another caller is being refused may have been granted access in between.
func TestNobodyIsRefusedByAnAnswerThatIsOlderThanHisQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOracle()
		c, _ := remembering(t, o)
		const callers = 50
		first, later := make(chan error, 1), make(chan error, callers)
		go func() { first <- authorize(t, c, "u", event.OrderGroup(resource)) }()
		synctest.Wait()
		for range callers {
			go func() { later <- authorize(t, c, "u", event.OrderGroup(resource)) }()
		}
		synctest.Wait()
		o.answers <- false
		require.Equal(t, policy.ErrForbidden, <-first)
		synctest.Wait()
		o.answers <- true
		for range callers {
			require.NoError(t, <-later)
		}
		require.Equal(t, int32(2), o.asked.Load())
	})
}

func TestWaitingTogetherHasTheSameTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := remembering(t, newOracle())
		const callers = 3
		took := make(chan time.Duration, callers)
		for i := range callers {
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				start := time.Now()
				_ = authorize(t, c, "u", event.OrderGroup(resource))
				took <- time.Since(start)
			}()
		}
		for range callers {
			require.Equal(t, policy.TimeoutDefault, <-took)
		}
		time.Sleep(policy.TimeoutDefault) // until no question is under way
	})
}

// The caller that has asked may leave: the others get their answer.
func TestACallerThatLeavesTakesNobodysAnswerAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOracle()
		c, _ := remembering(t, o)
		leaving, leave := context.WithCancel(t.Context())
		gone, stays := make(chan error, 1), make(chan error, 1)
		go func() { gone <- c.Authorize(leaving, &auth.Principal{Subject: "u"}, event.OrderGroup(resource)) }()
		synctest.Wait()
		go func() { stays <- authorize(t, c, "u", event.OrderGroup(resource)) }()
		synctest.Wait()
		leave()
		require.Equal(t, policy.ErrUndecided, <-gone)
		o.answers <- true
		require.NoError(t, <-stays)
		require.Equal(t, int32(1), o.asked.Load())
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c := checker(t, policy.Config{Cache: time.Hour, CacheEntries: 10}, answer(func(context.Context) (bool, error) {
		asked.Add(1)
		return true, nil
	}))
	for i := range 25 {
		require.NoError(t, authorize(t, c, fmt.Sprint("user-", i), event.OrderGroup(resource)))
	}
	for i := range 25 {
		require.NoError(t, authorize(t, c, fmt.Sprint("user-", i), event.OrderGroup(resource)))
	}
	require.GreaterOrEqual(t, asked.Load(), int32(25+15), "no more than ten of them were remembered")
}

// With a real database, and other callers asking all the while: behind a revocation no caller is let in, behind a
// grant every caller is.
func TestRevocationsAndGrantsHoldAtOnceWhoeverElseAsks(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	c := checker(t, policy.Config{Cache: time.Hour, Logger: slog.New(slog.DiscardHandler)}, pool)
	cart := uuid.New()
	group := event.TeamCartGroup(cart)
	asking, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for asking.Err() == nil {
				_ = c.Authorize(asking, &auth.Principal{Subject: "u"}, group)
			}
		})
	}
	defer others.Wait()
	defer stop()
	for range 50 {
		execute(t, pool, "SELECT herald.grant_access('MustBeTeamCartMember', $1, 'u')", cart)
		require.NoError(t, authorize(t, c, "u", group))
		execute(t, pool, "SELECT herald.revoke_access('MustBeTeamCartMember', $1, 'u')", cart)
		c.Revoked("u")
		require.Equal(t, policy.ErrForbidden, authorize(t, c, "u", group))
	}
}

// One user's questions wait for one another, a few at a time; another user's do not wait for them. Remembered
// answers wait for nothing.
func TestAUsersQuestionsTakeTurns(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]time.Duration{"with a cache": lifetime, "without": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const questions = 50
				o := newOracle()
				c := checker(t, policy.Config{Cache: cache, Timeout: time.Hour, Logger: slog.New(slog.DiscardHandler)},
					answer(o.answer))
				var all sync.WaitGroup
				refusals := make(chan error, questions+2)
				for range questions {
					all.Go(func() { refusals <- authorize(t, c, "noisy", event.OrderGroup(uuid.New())) })
				}
				synctest.Wait()
				require.EqualValues(t, policy.TurnsDefault, o.asked.Load(), "no more of them are asked at a time")
				all.Go(func() { refusals <- authorize(t, c, "quiet", event.OrderGroup(resource)) })
				synctest.Wait()
				require.EqualValues(t, policy.TurnsDefault+1, o.asked.Load(), "another user's is")
				gone, cancel := context.WithCancel(t.Context())
				all.Go(func() {
					refusals <- c.Authorize(gone, &auth.Principal{Subject: "noisy"}, event.OrderGroup(resource))
				})
				synctest.Wait()
				cancel()
				require.Equal(t, policy.ErrUndecided, <-refusals, "who is gone waits no longer")
				for range questions + 1 {
					o.answers <- false
				}
				all.Wait()
				require.EqualValues(t, questions+1, o.asked.Load())
				for range questions + 1 {
					require.Equal(t, policy.ErrForbidden, <-refusals)
				}
			})
		})
	}
}
