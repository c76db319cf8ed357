package policy_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
)

const (
	id    = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	other = "f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e"
)

var resource, elsewhere = uuid.MustParse(id), uuid.MustParse(other)

// answer is a database that answers every question in one way. The answers of a real one are tested against a real
// one.
type answer func(ctx context.Context) (bool, error)

type row struct {
	ctx    context.Context
	answer answer
}

func (a answer) QueryRow(ctx context.Context, _ string, _ ...any) pgx.Row { return row{ctx, a} }

func (r row) Scan(dest ...any) error {
	ok, err := r.answer(r.ctx)
	*dest[0].(*bool) = ok
	return err
}

func yes(context.Context) (bool, error) { return true, nil }
func no(context.Context) (bool, error)  { return false, nil }

func checker(t *testing.T, cfg policy.Config, db policy.DB) *policy.Checker {
	t.Helper()
	c, err := policy.New(cfg, db)
	require.NoError(t, err)
	return c
}

// Acceptance.
func TestPermissionClaims(t *testing.T) {
	t.Parallel()
	c := checker(t, policy.Config{}, answer(no))
	for name, test := range map[string]struct {
		permission string
		allows     []event.Group
	}{
		"order owner":           {"OrderOwner:" + id, []event.Group{event.OrderGroup(resource)}},
		"order owner upper":     {"OrderOwner:" + strings.ToUpper(id), []event.Group{event.OrderGroup(resource)}},
		"restaurant owner":      {"RestaurantOwner:" + id, []event.Group{event.RestaurantGroup(resource)}},
		"restaurant staff":      {"RestaurantStaff:" + id, []event.Group{event.RestaurantGroup(resource)}},
		"cart member":           {"TeamCartMember:" + id, []event.Group{event.TeamCartGroup(resource)}},
		"cart host":             {"TeamCartHost:" + id, []event.Group{event.TeamCartGroup(resource)}},
		"another order's owner": {"OrderOwner:" + other, nil},
		"no colon":              {"OrderOwner", nil},
		"no id":                 {"OrderOwner:", nil},
		"a star":                {"OrderOwner:*", nil},
		"no name":               {":" + id, nil},
		"an unknown name":       {"OrderAdmin:" + id, nil},
		"a name in lower case":  {"orderowner:" + id, nil},
		"braces":                {"OrderOwner:{" + id + "}", nil},
		"a URN":                 {"OrderOwner:urn:uuid:" + id, nil},
		"no dashes":             {"OrderOwner:" + strings.ReplaceAll(id, "-", ""), nil},
		"space":                 {"OrderOwner: " + id, nil},
		"more behind it":        {"OrderOwner:" + id + ":x", nil},
		"the policy's name":     {event.MustBeOrderOwner + ":" + id, nil},
		"the admin role":        {"Admin", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &auth.Principal{Subject: "u", Permissions: []string{"", "nonsense", test.permission}}
			for _, g := range []event.Group{
				event.OrderGroup(resource), event.RestaurantGroup(resource), event.TeamCartGroup(resource),
				event.Admins, event.UserActivity, event.Analytics, event.Alerts,
			} {
				err := c.Authorize(t.Context(), p, g)
				if len(test.allows) > 0 && g == test.allows[0] {
					require.NoError(t, err, g)
				} else {
					require.Equal(t, policy.ErrForbidden, err, g)
				}
			}
		})
	}
}

// Acceptance.
func TestAdminGroupsNeedTheRole(t *testing.T) {
	t.Parallel()
	groups := []event.Group{event.Admins, event.UserActivity, event.Analytics, event.Alerts}
	for _, g := range groups {
		c := checker(t, policy.Config{}, answer(yes))
		require.NoError(t, c.Authorize(t.Context(), &auth.Principal{Roles: []string{"x", "Admin"}}, g))
		require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), &auth.Principal{Roles: []string{"admin"}}, g))
		require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), &auth.Principal{}, g))

		named := checker(t, policy.Config{AdminRole: "Operator"}, answer(yes))
		require.NoError(t, named.Authorize(t.Context(), &auth.Principal{Roles: []string{"Operator"}}, g))
		require.Equal(t, policy.ErrForbidden, named.Authorize(t.Context(), &auth.Principal{Roles: []string{"Admin"}}, g))
	}
}

func TestAdminRoleDoesNotOpenAnOrder(t *testing.T) {
	t.Parallel()
	c := checker(t, policy.Config{}, answer(no))
	require.Equal(t, policy.ErrForbidden,
		c.Authorize(t.Context(), &auth.Principal{Roles: []string{"Admin"}}, event.OrderGroup(resource)))
}

func TestUnknownAndMalformedGroupsAreRefusedWithoutAsking(t *testing.T) {
	t.Parallel()
	c := checker(t, policy.Config{}, answer(func(context.Context) (bool, error) {
		t.Error("the database was asked")
		return true, nil
	}))
	for _, name := range []string{
		"", "order", "order:", "order:x", "order:{" + id + "}", "kitchen:" + id, ":" + id, "admins:" + id,
	} {
		g, _ := event.ParseGroup(name)
		require.Equal(t, policy.ErrForbidden, c.Authorize(t.Context(), &auth.Principal{Subject: "u"}, g), g)
	}
}

// Acceptance.
func TestExpiredPrincipalIsUnauthorized(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 20, 10, 0, 0, 0, time.UTC)
	c := checker(t, policy.Config{Now: func() time.Time { return now }}, answer(yes))
	p := func(expires time.Time) *auth.Principal {
		return &auth.Principal{
			Subject: "u", Roles: []string{"Admin"},
			Permissions: []string{"OrderOwner:" + id}, Expires: expires,
		}
	}
	for _, g := range []event.Group{event.OrderGroup(resource), event.OrderGroup(elsewhere), event.Admins, {}} {
		require.Equal(t, policy.ErrUnauthorized, c.Authorize(t.Context(), p(now), g), g)
		require.Equal(t, policy.ErrUnauthorized, c.Authorize(t.Context(), p(now.Add(-time.Hour)), g), g)
		require.Equal(t, policy.ErrUnauthorized, c.Authorize(t.Context(), nil, g), g)
	}
	require.NoError(t, c.Authorize(t.Context(), p(now.Add(1)), event.OrderGroup(resource)))
	require.NoError(t, c.Authorize(t.Context(), p(time.Time{}), event.OrderGroup(resource)))
}

// Acceptance: A-307.
func TestErrorsRefuseAndAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := checker(t, policy.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))},
		answer(func(context.Context) (bool, error) { return true, errors.New("connection refused") }))
	err := c.Authorize(t.Context(), &auth.Principal{Subject: "user-1"}, event.OrderGroup(resource))
	require.Equal(t, policy.ErrUndecided, err)
	require.Contains(t, log.String(), "connection refused")
	require.Contains(t, log.String(), id)
	require.NotContains(t, log.String(), "user-1")
}

// Acceptance: A-308.
func TestTimeoutRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := checker(t, policy.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))},
			answer(func(ctx context.Context) (bool, error) {
				<-ctx.Done()
				return true, ctx.Err()
			}))
		start := time.Now()
		require.Equal(t, policy.ErrUndecided,
			c.Authorize(t.Context(), &auth.Principal{Subject: "u"}, event.TeamCartGroup(resource)))
		require.Equal(t, 2*time.Second, time.Since(start))
		require.Contains(t, log.String(), "no answer within 2s")
	})
}

func TestCallerThatIsGoneIsNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := checker(t, policy.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))},
		answer(func(ctx context.Context) (bool, error) { return true, ctx.Err() }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, policy.ErrUndecided, c.Authorize(ctx, &auth.Principal{Subject: "u"}, event.OrderGroup(resource)))
	require.Empty(t, log.String())
}

func TestFunctionNameIsCheckedAtStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"can_subscribe", "a.b.c", "herald.", ".f", "herald.f()", "herald.f; DROP TABLE x", `herald."f"";--"`, "herald.f -- ",
		`herald."f`, "1a.f", "herald.é", "herald. f", strings.Repeat("a", 64) + ".f", "herald.\x00f",
	} {
		_, err := policy.New(policy.Config{Function: name}, answer(yes))
		require.ErrorContains(t, err, "HERALD_AUTHORIZE_FUNCTION", name)
	}
	for _, name := range []string{
		"", "app.f", "App.Can_Join", `app."CanJoin"`, "_a.b$1", strings.Repeat("a", 63) + ".f",
	} {
		_, err := policy.New(policy.Config{Function: name}, answer(yes))
		require.NoError(t, err, name)
	}
}
