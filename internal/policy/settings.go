package policy

import (
	"fmt"
	"time"
)

// Settings is what an operator decides about a [Checker].
type Settings struct {
	AuthorizeFunction string        `default:"herald.can_subscribe" env:"HERALD_AUTHORIZE_FUNCTION" placeholder:"SCHEMA.NAME" help:"SQL function that answers who may subscribe (${default})."`
	AuthorizeCache    time.Duration `default:"2s" env:"HERALD_AUTHORIZE_CACHE" zero:"off" placeholder:"DURATION" help:"How long that function's yes is remembered, unless access is revoked meanwhile; at most 1m, 0: not at all (${default})."`
}

const longestCache = time.Minute

// Check says what is wrong, beyond what package settings checks.
func (s Settings) Check() error {
	if s.AuthorizeCache > longestCache {
		return fmt.Errorf("HERALD_AUTHORIZE_CACHE is %s: it must be between 0 and 1m", s.AuthorizeCache)
	}
	return nil
}
