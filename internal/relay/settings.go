package relay

import (
	"fmt"
	"time"
)

// Settings is what an operator decides about a [Relay].
type Settings struct {
	// AnalyticsMinInterval is how often events of one type are relayed to the analytics group at most: the latest within it wins.
	AnalyticsMinInterval time.Duration `default:"0s" env:"HERALD_ANALYTICS_MIN_INTERVAL" zero:"off" placeholder:"DURATION" help:"How often events of one type are sent to the admins' analytics group at most: of those that come within it the latest wins; 0: all are sent (${default})."`
}

// Check says what is wrong, beside what package settings checks of itself.
func (s Settings) Check() error {
	if s.AnalyticsMinInterval > time.Hour {
		return fmt.Errorf("HERALD_ANALYTICS_MIN_INTERVAL is %s: it must be from 0 to 1h", s.AnalyticsMinInterval)
	}
	return nil
}
