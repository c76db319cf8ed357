package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/settings"
)

const (
	// TimeoutDefault is how long the SQL function may take.
	TimeoutDefault = 2 * time.Second
	// WaitDefault is how long a question may wait for a connection.
	WaitDefault = 10 * time.Second
)

// The errors of a refusal.
var (
	ErrForbidden    = errors.New("forbidden")
	ErrUnauthorized = errors.New("unauthorized: the token has expired")
	// ErrUndecided refuses because the database could not be asked, or has not answered in time. It says nothing about
	// the permission.
	ErrUndecided = errors.New("undecided: the database could not be asked")
)

// DB is the database that is asked: a pgx connection or a pgx pool. With a pool, the wait for a connection does not
// count as the function's time.
type DB interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// lender is a pool.
type lender interface {
	Acquire(ctx context.Context) (*pgxpool.Conn, error)
}

// Config says what opens the admin groups, and how the database is asked.
type Config struct {
	// AdminRole is the role for the admin groups. Defaults to Admin.
	AdminRole string
	// Function is the SQL function's name with its schema. Defaults to herald.can_subscribe.
	Function string
	// Timeout is how long the SQL function may take before it is refused. Defaults to 2 s.
	Timeout time.Duration
	// Wait is how long a question may wait for a connection before it is refused. Defaults to 10 s.
	Wait time.Duration
	// Cache is how long the SQL function's yes is remembered, unless a revocation comes first ([Checker.Revoked]). A
	// no is never remembered, so that a user who has just been granted access is let in at once. Defaults to 0: every
	// question is asked.
	Cache time.Duration
	// CacheEntries is how many answers are remembered at most. Defaults to 10,000.
	CacheEntries int
	// Turns is how many questions about one user are asked at a time; the others wait, as long as their callers do.
	// Defaults to 2.
	Turns int
	// Metrics count remembered answers. Default to metrics that are registered nowhere.
	Metrics *Metrics
	// Logger receives the errors that led to a refusal. Defaults to slog.Default().
	Logger *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Checker answers who may join what. It is safe for concurrent use.
type Checker struct {
	db        DB
	pool      lender // db, where it is a pool
	adminRole string
	timeout   time.Duration
	wait      time.Duration // for a connection; 0: there is no pool
	logger    *slog.Logger
	now       func() time.Time
	cache     *cache // nil: nothing is remembered
	turns     *turns

	queries map[string]string // the SQL by the kind of the group
}

// New returns a Checker that asks db, or an error that says what is wrong with cfg.
func New(cfg Config, db DB) (*Checker, error) {
	function, err := quoteFunction(cmp.Or(cfg.Function, settings.Defaults[Settings]().AuthorizeFunction))
	if err != nil {
		return nil, err
	}
	c := &Checker{
		db:        db,
		adminRole: cmp.Or(cfg.AdminRole, settings.Defaults[auth.Settings]().AdminRole),
		timeout:   cmp.Or(cfg.Timeout, TimeoutDefault),
		logger:    cmp.Or(cfg.Logger, slog.Default()),
		now:       cfg.Now,
		turns:     newTurns(cmp.Or(cfg.Turns, TurnsDefault)),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if pool, ok := db.(lender); ok {
		c.pool, c.wait = pool, cmp.Or(cfg.Wait, WaitDefault)
	}
	if cfg.Cache > 0 {
		c.cache = newCache(cfg)
	}
	c.queries = queriesOf(function)
	return c, nil
}

// queriesOf returns the question for each kind of groups that has policies: whether one of the policies opens the
// group, in one round trip.
func queriesOf(function string) map[string]string {
	queries := map[string]string{}
	for _, hub := range event.Hubs() {
		for _, kind := range hub.Groups {
			var calls []string
			for i := range kind.Policies {
				// The casts select the function by its documented signature even where it is overloaded.
				calls = append(calls, fmt.Sprintf("coalesce(%s($%d::text, $1::uuid, $2::text), false)", function, i+3)) //nolint:mnd // behind $1 and $2
			}
			queries[kind.Name] = "SELECT " + strings.Join(calls, " OR ")
		}
	}
	return queries
}

// Authorize returns nil where p may join g, [ErrUnauthorized] where p has expired, [ErrUndecided] where the
// database could not decide, else [ErrForbidden].
func (c *Checker) Authorize(ctx context.Context, p *auth.Principal, g event.Group) error {
	if p == nil || (!p.Expires.IsZero() && !c.now().Before(p.Expires)) {
		return ErrUnauthorized
	}
	hub, kind := g.Row()
	switch {
	case hub == nil:
		return ErrForbidden
	case hub.Admin:
		return allowed(p.HasRole(c.adminRole))
	case permits(p, kind, g.ID()):
		return nil
	}
	q := question{kind: kind, resource: g.ID(), user: p.Subject}
	answer, err := c.answer(ctx, q)
	if err != nil {
		return err
	}
	return allowed(answer)
}

// answer takes a remembered answer, or asks when it is the user's turn.
func (c *Checker) answer(ctx context.Context, q question) (bool, error) {
	if c.cache != nil && c.remembers(q) {
		return true, nil
	}
	leave, err := c.turns.enter(ctx, q.user)
	if err != nil {
		return false, err
	}
	defer leave()
	if c.cache == nil {
		return c.ask(ctx, q)
	}
	return c.recall(ctx, q)
}

func allowed(ok bool) error {
	if ok {
		return nil
	}
	return ErrForbidden
}

// question is a question to the database.
type question struct {
	kind     *event.GroupKind // of the group
	resource uuid.UUID
	user     string
}

// ask asks the database. Every failure is [ErrUndecided], and logged.
func (c *Checker) ask(caller context.Context, q question) (bool, error) {
	db, release, err := c.connection(caller)
	if err != nil {
		return false, c.undecided(caller, q, fmt.Errorf("waiting for a connection: %w", err))
	}
	defer release()
	ctx, cancel := context.WithTimeoutCause(caller, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	args := []any{q.resource.String(), q.user}
	for _, policy := range q.kind.Policies {
		args = append(args, policy.Name)
	}
	var answer bool
	if err := db.QueryRow(ctx, c.queries[q.kind.Name], args...).Scan(&answer); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return false, c.undecided(caller, q, err)
	}
	return answer, nil
}

// connection waits for a connection, where there is a pool: a question is asked only once it has one.
func (c *Checker) connection(caller context.Context) (db DB, release func(), err error) {
	if c.pool == nil {
		return c.db, func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(caller, c.wait, fmt.Errorf("none within %s", c.wait))
	defer cancel()
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, errors.Join(context.Cause(ctx), err)
	}
	return conn, conn.Release, nil
}

// undecided logs why a question has no answer, unless its caller has left.
func (c *Checker) undecided(caller context.Context, q question, err error) error {
	if caller.Err() == nil {
		c.logger.ErrorContext(caller, "authorization failed, so it was refused", slog.Any("policies", q.kind.PolicyNames()),
			slog.String("resource_id", q.resource.String()), slog.Any("error", err))
	}
	return ErrUndecided
}
