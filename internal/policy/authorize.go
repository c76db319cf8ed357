package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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

// The ways to be refused.
var (
	ErrForbidden    = errors.New("forbidden")
	ErrUnauthorized = errors.New("unauthorized: the token has expired")
	// ErrUndecided refuses because the database could not be asked, or has not answered in time. It says nothing about the permission.
	ErrUndecided = errors.New("undecided: the database could not be asked")
)

// DB is the database that is asked. A pgx connection is one, or a pgx pool: then the time that a question waits for a connection is not
// the function's.
type DB interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// lender is a pool.
type lender interface {
	Acquire(ctx context.Context) (*pgxpool.Conn, error)
}

// Config says whom to believe.
type Config struct {
	// AdminRole is the role for the admin groups. Defaults to Admin.
	AdminRole string
	// Function is the SQL function's name with its schema. Defaults to herald.can_subscribe.
	Function string
	// Timeout is how long the SQL function may take before it is refused. Defaults to 2 s.
	Timeout time.Duration
	// Wait is how long a question may wait for a connection before it is refused. Defaults to 10 s.
	Wait time.Duration
	// Cache is how long the SQL function's yes is remembered, unless a revocation is told of before ([Checker.Revoked]). A no never
	// is, so that whoever has just been granted access is let in at once. Defaults to 0: every question is asked.
	Cache time.Duration
	// CacheEntries is how many answers are remembered at most. Defaults to 10,000.
	CacheEntries int
	// Turns is how many questions about one user the database is asked at a time; the others wait, for as long as their callers do.
	// Defaults to 2.
	Turns int
	// Metrics count what is remembered. Default to some that nobody reads.
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
	cache     *cache // nil: none
	turns     *turns

	one, either string // the SQL for one policy, and for either of two
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
	// The casts choose the function by its documented signature even where it is overloaded.
	call := func(policy string) string {
		return "coalesce(" + function + "(" + policy + "::text, $1::uuid, $2::text), false)"
	}
	c.one = "SELECT " + call("$3")
	c.either = "SELECT " + call("$3") + " OR " + call("$4")
	return c, nil
}

// Authorize returns nil where p may join g, [ErrUnauthorized] where p has expired, [ErrUndecided] where that could not be found out, else
// [ErrForbidden].
func (c *Checker) Authorize(ctx context.Context, p *auth.Principal, g event.Group) error {
	if p == nil || (!p.Expires.IsZero() && !c.now().Before(p.Expires)) {
		return ErrUnauthorized
	}
	switch g {
	case event.Admins, event.UserActivity, event.Analytics, event.Alerts:
		return allowed(p.HasRole(c.adminRole))
	}
	rule, known := ruleFor(g.Kind())
	if !known {
		return ErrForbidden
	}
	resource := g.ID()
	if rule.permits(p, resource) {
		return nil
	}
	q := question{rule: rule, resource: resource, user: p.Subject}
	answer, err := c.answer(ctx, q)
	if err != nil {
		return err
	}
	return allowed(answer)
}

// answer takes what is remembered, or asks when it is the user's turn.
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

// question is what the database is asked.
type question struct {
	rule     rule
	resource uuid.UUID
	user     string
}

// ask puts the question to the database. Whatever goes wrong is [ErrUndecided], and logged.
func (c *Checker) ask(caller context.Context, q question) (bool, error) {
	db, release, err := c.connection(caller)
	if err != nil {
		return false, c.undecided(caller, q, fmt.Errorf("waiting for a connection: %w", err))
	}
	defer release()
	ctx, cancel := context.WithTimeoutCause(caller, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	query, args := c.one, []any{q.resource.String(), q.user}
	if len(q.rule.policies) > 1 {
		query = c.either
	}
	for _, policy := range q.rule.policies {
		args = append(args, policy)
	}
	var answer bool
	if err := db.QueryRow(ctx, query, args...).Scan(&answer); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return false, c.undecided(caller, q, err)
	}
	return answer, nil
}

// connection waits for a connection, where there is a pool: only what has one asks.
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

// undecided logs why a question has no answer, unless nobody waits for it any more.
func (c *Checker) undecided(caller context.Context, q question, err error) error {
	if caller.Err() == nil {
		c.logger.ErrorContext(caller, "authorization failed, so it was refused", slog.Any("policies", q.rule.policies),
			slog.String("resource_id", q.resource.String()), slog.Any("error", err))
	}
	return ErrUndecided
}

// rule is what guards one kind of group: any of the permissions, or any of the policies.
type rule struct {
	permissions []string
	policies    []string // one or two
}

func ruleFor(kind string) (rule, bool) {
	switch kind {
	case "order":
		return rule{[]string{"OrderOwner"}, []string{event.MustBeOrderOwner}}, true
	case "restaurant":
		return rule{
			[]string{"RestaurantOwner", "RestaurantStaff"},
			[]string{event.MustBeRestaurantOwner, event.MustBeRestaurantStaff},
		}, true
	case "teamcart":
		return rule{[]string{"TeamCartMember", "TeamCartHost"}, []string{event.MustBeTeamCartMember}}, true
	default:
		return rule{}, false
	}
}

// permits looks for the permission among the token's. What is malformed among them grants nothing.
func (r rule) permits(p *auth.Principal, resource uuid.UUID) bool {
	return slices.ContainsFunc(p.Permissions, func(permission string) bool { return r.grants(permission, resource) })
}

func (r rule) grants(permission string, resource uuid.UUID) bool {
	name, value, found := strings.Cut(permission, ":")
	if !found || !slices.Contains(r.permissions, name) {
		return false
	}
	id, ok := parseID(value)
	return ok && id == resource
}

// parseID reads a UUID in its canonical form, in either case; uuid.Parse alone would take braces and URNs too.
func parseID(s string) (uuid.UUID, bool) {
	const canonicalLength = 36
	if len(s) != canonicalLength {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(s)
	return id, err == nil
}
