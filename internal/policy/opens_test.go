package policy_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
)

func TestOpens(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479")
	for permission, want := range map[string]event.Group{
		"OrderOwner:" + id.String():                  event.OrderGroup(id),
		"OrderOwner:" + strings.ToUpper(id.String()): event.OrderGroup(id),
		"RestaurantOwner:" + id.String():             event.RestaurantGroup(id),
		"RestaurantStaff:" + id.String():             event.RestaurantGroup(id),
		"TeamCartMember:" + id.String():              event.TeamCartGroup(id),
		"TeamCartHost:" + id.String():                event.TeamCartGroup(id),
		"orderowner:" + id.String():                  {},
		"OrderOwner:{" + id.String() + "}":           {},
		"OrderOwner: " + id.String():                 {},
		"OrderOwner:":                                {},
		"OrderOwner":                                 {},
		"MustBeOrderOwner:" + id.String():            {},
		id.String():                                  {},
		"":                                           {},
	} {
		group, ok := policy.Opens(permission)
		require.Equal(t, want, group, permission)
		require.Equal(t, !want.IsZero(), ok, permission)
	}
}
