package relay

import (
	"fmt"
	"time"
)

// Settings is what an operator decides about a [Relay].
type Settings struct {
	// AnalyticsMinInterval is the least time between two events of one type that are relayed to the analytics group.
	// The latest event within it wins.
	AnalyticsMinInterval time.Duration `default:"0s" env:"HERALD_ANALYTICS_MIN_INTERVAL" zero:"off" placeholder:"DURATION" help:"How often events of one type are sent to the admins' analytics group at most: of those that come within it the latest wins; 0: all are sent (${default})."`
}

// Check returns what is wrong, beyond what package settings checks by itself.
func (s Settings) Check() error {
	if s.AnalyticsMinInterval > time.Hour {
		return fmt.Errorf("HERALD_ANALYTICS_MIN_INTERVAL is %s: it must be from 0 to 1h", s.AnalyticsMinInterval)
	}
	return nil
}
