package reference_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
)

// hub is one hub of the reference.
type hub struct {
	event.Hub

	methods []method
}

// method is a method that a client may invoke.
type method struct{ name, parameters, result, about string }

// clientMethod is a client method that the server invokes.
type clientMethod struct{ name, parameters, about, example string }

const lastEvent = "lastEventId: UUID | null"

// allHubs are the hubs of the catalogue, with a sentence about each method. TestTheHubsAreAllThere compares it with
// the code.
var allHubs = described()

// notes are additions to the general description of a kind of groups.
var notes = map[string]string{"restaurant": ", all orders of it"}

func described() (all []hub) {
	for _, row := range event.Hubs() {
		h := hub{Hub: row}
		var joinedByAll []method
		for _, kind := range row.Groups {
			switch {
			case kind.JoinedByAll:
				joinedByAll = append(joinedByAll, method{
					kind.ResumeMethod(), lastEvent, "ResumeResult",
					"Replays what came behind that event in `" + kind.Name + "`, which the connection is in already.",
				})
			case kind.Resource == "":
				h.methods = append(h.methods,
					method{kind.SubscribeMethod(), "", "void", "Joins `" + kind.Name + "`."},
					method{kind.UnsubscribeMethod(), "", "void", "Leaves it."},
					method{kind.ResumeMethod(), lastEvent, "ResumeResult", "Joins it, and replays what came behind that event."})
			default:
				h.methods = append(h.methods, ofResource(kind)...)
			}
		}
		h.methods = append(h.methods, joinedByAll...)
		if row.Admin {
			h.methods = append(h.methods, administration...)
		}
		h.methods = append(h.methods,
			method{
				"RefreshToken", "token: string", "TokenRefreshed",
				"A new token of the same user: extends the connection and replaces its claims.",
			})
		all = append(all, h)
	}
	return all
}

func ofResource(kind event.GroupKind) []method {
	id := kind.ID + ": UUID"
	resume := method{
		kind.ResumeMethod(), id + ", " + lastEvent, "ResumeResult", "Joins, and replays what came behind that event.",
	}
	if kind.Cursor {
		resume.parameters += ", withCursor?: boolean"
		resume.about += " `true` has each event carry a `CartCursor` behind its arguments."
	}
	return []method{
		{
			kind.SubscribeMethod(), id, "void",
			"Joins the " + kind.Resource + "'s group" + notes[kind.Name] + "; events from now on.",
		},
		{kind.UnsubscribeMethod(), id, "void", "Leaves it. Needs no permission, and may be repeated."},
		resume,
	}
}

// administration are the methods of the admin hub that belong to no group.
var administration = []method{
	{
		"GetPlatformStats", "", "Rest.PlatformStats",
		"The platform's statistics as they are now. Fails where they were never set.",
	},
	{"GetConnectionCount", "", "ConnectionCount", "The open connections of all nodes."},
	{"SendTestMessage", "text: string", "TestReceived", "Answers, after `ReceiveMessage` with the same text."},
}

// others are the client methods of the hub that are not events of the outbox.
func (h hub) others() []clientMethod {
	if !h.Admin {
		return nil
	}
	return []clientMethod{
		{
			"ConnectionEstablished", "greeting: ConnectionEstablished", "On connect.",
			`{"connectionId":"Zx3mDJb4hqkB8gO8fYw7Pg","timestamp":"2025-01-20T10:05:00Z","message":"Connected to admin hub"}`,
		},
		{
			"ErrorOccurred", "error: HubErrorOccurred",
			"Before the completion of each call on this hub that fails, with its text.",
			`{"type":"error","message":"An unexpected error occurred invoking 'RefreshToken' on the server. HubException: Unauthorized",` +
				`"timestamp":"2025-01-20T10:05:00Z"}`,
		},
		{"ReceiveMessage", "text: string", "Before the answer to `SendTestMessage`.", `"Test payload"`},
	}
}

// groups are the names of the hub's groups.
func (h hub) groups() string {
	var names []string
	for _, kind := range h.Groups {
		name := "`" + kind.Name + "`"
		switch {
		case kind.JoinedByAll:
			name += " (joined on connect)"
		case kind.Resource != "":
			name = "`" + kind.Name + ":{" + kind.ID + "}`"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// who says who may connect to the hub.
func (h hub) who() string {
	switch {
	case h.Admin:
		return "users with the role `Admin` (`HERALD_ADMIN_ROLE`), else 403"
	case h.Setting != "":
		return "any user with a valid token; the hub is there with `" + h.Setting + "=true`, else 404"
	default:
		return "any user with a valid token"
	}
}

// opens says which policies open the hub's groups.
func (h hub) opens() string {
	if h.Admin {
		return "the role"
	}
	var names []string
	for _, kind := range h.Groups {
		for _, policy := range kind.PolicyNames() {
			names = append(names, "`"+policy+"`")
		}
	}
	return strings.Join(names, " or ")
}

// policies lists the policies with the permissions that satisfy them.
func policies() string {
	var b strings.Builder
	b.WriteString(policiesHead)
	for _, h := range event.Hubs() {
		for _, kind := range h.Groups {
			for _, policy := range kind.Policies {
				var permissions []string
				for _, name := range policy.Permissions {
					permissions = append(permissions, "`"+name+":{id}`")
				}
				fmt.Fprintf(&b, "| `%s` | %s |\n", policy.Name, strings.Join(permissions, " or "))
			}
		}
	}
	b.WriteString(policiesTail)
	return b.String()
}

// families are the families of the events that the hub's groups receive.
func (h hub) families(t *testing.T) (all []event.Family) {
	t.Helper()
	for _, family := range []event.Family{event.Order, event.TeamCart, event.Admin} {
		for _, g := range variants(t, family)[0].groups(t) {
			if of, _ := g.Row(); of.Path == h.Path {
				all = append(all, family)
			}
		}
	}
	return all
}

// variants are the events that the hub's groups receive.
func (h hub) variants(t *testing.T) (all []variant) {
	t.Helper()
	for _, family := range h.families(t) {
		all = append(all, variants(t, family)...)
	}
	return all
}

// nothing stands for all dependencies that registering methods does not need.
type nothing struct{}

func (nothing) Authorize(context.Context, *auth.Principal, event.Group) error { return nil }
func (nothing) Verify(context.Context, string) (*auth.Principal, error)       { return nil, http.ErrNoCookie }

func (nothing) FromRequest(*http.Request) (*auth.Principal, error) { return nil, http.ErrNoCookie }

func (nothing) Connections(context.Context) (map[string]int, error) { return map[string]int{}, nil }

func (nothing) PlatformStats(context.Context) (stats outbox.PlatformStats, setAt time.Time, ok bool, err error) {
	return stats, setAt, false, nil
}

// Acceptance: A-523.
func TestTheHubsAreAllThere(t *testing.T) {
	t.Parallel()
	h, err := hubs.New(hubs.Config{
		Broadcaster: &broadcast.Broadcaster{}, Authorizer: nothing{}, Tokens: nothing{}, Stats: nothing{},
		Connections: nothing{}, TeamCart: true,
	})
	require.NoError(t, err)
	described := map[string][]string{}
	for _, one := range allHubs {
		for _, m := range one.methods {
			described[one.Path] = append(described[one.Path], m.name)
		}
	}
	registered := h.Methods()
	require.Len(t, described, len(registered))
	for path, methods := range registered {
		require.ElementsMatch(t, methods, described[path], "describe each method of %s in allHubs", path)
	}
}

// The permissions and policies in docs/events.md are those that open the hubs' groups.
//
// Acceptance: A-523.
func TestThePoliciesAreTheCodes(t *testing.T) {
	t.Parallel()
	for permission, group := range map[string]event.Group{
		"OrderOwner":      event.OrderGroup(exampleOrder),
		"RestaurantOwner": event.RestaurantGroup(exampleOrder),
		"RestaurantStaff": event.RestaurantGroup(exampleOrder),
		"TeamCartMember":  event.TeamCartGroup(exampleOrder),
		"TeamCartHost":    event.TeamCartGroup(exampleOrder),
	} {
		opened, ok := policy.Opens(permission + ":" + exampleOrder.String())
		require.True(t, ok, permission)
		require.Equal(t, group, opened)
		require.Contains(t, policies(), "`"+permission+":{id}`")
	}
	for _, name := range []string{
		event.MustBeOrderOwner, event.MustBeRestaurantOwner, event.MustBeRestaurantStaff, event.MustBeTeamCartMember,
	} {
		require.Contains(t, policies(), "| `"+name+"` |")
	}
}
