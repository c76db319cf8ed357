package event

import (
	"encoding/json"
)

// The policies that guard the groups.
const (
	MustBeOrderOwner      = "MustBeOrderOwner"
	MustBeRestaurantOwner = "MustBeRestaurantOwner"
	MustBeRestaurantStaff = "MustBeRestaurantStaff"
	MustBeTeamCartMember  = "MustBeTeamCartMember"
)

// Revocation is what an [AccessRevoked] event says: this user loses this group.
type Revocation struct {
	Group  Group
	Policy string
	UserID string
}

// Revocation reads an [AccessRevoked] event, or fails with an [*UndeliverableError].
func (e *Event) Revocation() (Revocation, error) {
	var p struct {
		Policy string `json:"policy"`
		UserID string `json:"userId"`
	}
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return Revocation{}, e.undeliverable("payload: %v", err)
	}
	r := Revocation{Policy: p.Policy, UserID: p.UserID}
	switch p.Policy {
	case MustBeOrderOwner:
		r.Group = OrderGroup(e.ResourceID)
	case MustBeRestaurantOwner, MustBeRestaurantStaff:
		r.Group = RestaurantGroup(e.ResourceID)
	case MustBeTeamCartMember:
		r.Group = TeamCartGroup(e.ResourceID)
	default:
		return Revocation{}, e.undeliverable("unknown policy %q", p.Policy)
	}
	return r, nil
}
