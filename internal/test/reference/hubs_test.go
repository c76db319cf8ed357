package reference_test

import (
	"context"
	"net/http"
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
	path, name  string
	family      event.Family
	groups, who string
	policy      string // of its groups
	methods     []method
	others      []clientMethod // that are not events of the outbox
}

// method is what a client may invoke.
type method struct{ name, parameters, result, about string }

// clientMethod is what a client is invoked with.
type clientMethod struct{ name, parameters, about, example string }

const (
	lastEvent = "lastEventId: UUID | null"
	anyone    = "any user with a valid token"
)

var refresh = method{"RefreshToken", "token: string", "TokenRefreshed", "A new token of the same user: extends the connection and replaces its claims."}

// allHubs are the hubs, with a sentence about each method. TestTheHubsAreAllThere holds it against the code.
var allHubs = []hub{
	{
		event.CustomerOrdersPath, "CustomerOrders", event.Order, "`order:{orderId}`", anyone, "`MustBeOrderOwner`",
		[]method{
			{"SubscribeToOrder", "orderId: UUID", "void", "Joins the order's group; events from now on."},
			{"UnsubscribeFromOrder", "orderId: UUID", "void", "Leaves it. Needs no permission, and may be repeated."},
			{"ResumeOrder", "orderId: UUID, " + lastEvent, "ResumeResult", "Joins, and replays what came behind that event."},
			refresh,
		},
		nil,
	},
	{
		event.RestaurantOrdersPath, "RestaurantOrders", event.Order, "`restaurant:{restaurantId}`", anyone,
		"`MustBeRestaurantOwner` or `MustBeRestaurantStaff`",
		[]method{
			{"SubscribeToRestaurant", "restaurantId: UUID", "void", "Joins the restaurant's group, all orders of it; events from now on."},
			{"UnsubscribeFromRestaurant", "restaurantId: UUID", "void", "Leaves it. Needs no permission, and may be repeated."},
			{"ResumeRestaurant", "restaurantId: UUID, " + lastEvent, "ResumeResult", "Joins, and replays what came behind that event."},
			refresh,
		},
		nil,
	},
	{
		event.TeamCartPath, "TeamCart", event.TeamCart, "`teamcart:{teamCartId}`",
		anyone + "; the hub is there with `HERALD_FEATURE_TEAMCART=true`, else 404", "`MustBeTeamCartMember`",
		[]method{
			{"SubscribeToCart", "teamCartId: UUID", "void", "Joins the cart's group; events from now on."},
			{"UnsubscribeFromCart", "teamCartId: UUID", "void", "Leaves it. Needs no permission, and may be repeated."},
			{
				"ResumeCart", "teamCartId: UUID, " + lastEvent + ", withCursor?: boolean", "ResumeResult",
				"Joins, and replays what came behind that event. `true` has each event carry a `CartCursor` behind its arguments.",
			},
			refresh,
		},
		nil,
	},
	{
		event.AdminPath, "Admin", event.Admin, "`admins` (joined on connect), `user-activity`, `analytics`, `alerts`",
		"users with the role `Admin` (`HERALD_ADMIN_ROLE`), else 403", "the role",
		[]method{
			{"SubscribeToUserActivity", "", "void", "Joins `user-activity`."},
			{"UnsubscribeFromUserActivity", "", "void", "Leaves it."},
			{"ResumeUserActivity", lastEvent, "ResumeResult", "Joins it, and replays what came behind that event."},
			{"SubscribeToAnalytics", "", "void", "Joins `analytics`."},
			{"UnsubscribeFromAnalytics", "", "void", "Leaves it."},
			{"ResumeAnalytics", lastEvent, "ResumeResult", "Joins it, and replays what came behind that event."},
			{"SubscribeToAlerts", "", "void", "Joins `alerts`."},
			{"UnsubscribeFromAlerts", "", "void", "Leaves it."},
			{"ResumeAlerts", lastEvent, "ResumeResult", "Joins it, and replays what came behind that event."},
			{"ResumeAdmins", lastEvent, "ResumeResult", "Replays what came behind that event in `admins`, which the connection is in already."},
			{"GetPlatformStats", "", "Rest.PlatformStats", "The platform's statistics as they are now. Fails where they were never set."},
			{"GetConnectionCount", "", "ConnectionCount", "The open connections of all nodes."},
			{"SendTestMessage", "text: string", "TestReceived", "Answers, after `ReceiveMessage` with the same text."},
			refresh,
		},
		[]clientMethod{
			{
				"ConnectionEstablished", "greeting: ConnectionEstablished", "On connect.",
				`{"connectionId":"Zx3mDJb4hqkB8gO8fYw7Pg","timestamp":"2025-01-20T10:05:00Z","message":"Connected to admin hub"}`,
			},
			{
				"ErrorOccurred", "error: HubErrorOccurred", "Before the completion of each call on this hub that fails, with its text.",
				`{"type":"error","message":"An unexpected error occurred invoking 'RefreshToken' on the server. HubException: Unauthorized",` +
					`"timestamp":"2025-01-20T10:05:00Z"}`,
			},
			{"ReceiveMessage", "text: string", "Before the answer to `SendTestMessage`.", `"Test payload"`},
		},
	},
}

// nothing stands for all that registering methods does not need.
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
		Broadcaster: &broadcast.Broadcaster{}, Authorizer: nothing{}, Tokens: nothing{}, Stats: nothing{}, Connections: nothing{}, TeamCart: true,
	})
	require.NoError(t, err)
	described := map[string][]string{}
	for _, one := range allHubs {
		for _, m := range one.methods {
			described[one.path] = append(described[one.path], m.name)
		}
	}
	registered := h.Methods()
	require.Len(t, described, len(registered))
	for path, methods := range registered {
		require.ElementsMatch(t, methods, described[path], "describe each method of %s in allHubs", path)
	}
}

// The permissions and policies that docs/events.md names are those that open the hubs' groups.
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
		require.Contains(t, policies, "`"+permission+":{id}`")
	}
	for _, name := range []string{event.MustBeOrderOwner, event.MustBeRestaurantOwner, event.MustBeRestaurantStaff, event.MustBeTeamCartMember} {
		require.Contains(t, policies, "| `"+name+"` |")
	}
}
