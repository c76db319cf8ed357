package jobs

import (
	"fmt"
	"time"
)

// Settings is what an operator decides about [Jobs]: what is kept, and what is broadcast regularly.
type Settings struct {
	// Whole days are dropped.
	Retention      time.Duration `default:"168h" env:"HERALD_RETENTION" zero:"refused: what is dropped at once cannot be replayed" least:"24h" placeholder:"DURATION" help:"Time for which events can be replayed and duplicates are recognised, the same on every node; at least 24h (${default})."`
	GroupRetention time.Duration `default:"2160h" env:"HERALD_GROUP_RETENTION" zero:"refused: a group would be numbered anew while its events are still there" placeholder:"DURATION" help:"Time for which a group without events keeps its numbering, and an order without events its customer's access (${default})."`
	StatsInterval  time.Duration `default:"30s" env:"HERALD_STATS_INTERVAL" zero:"off" least:"1s" placeholder:"DURATION" help:"How often changed platform statistics are sent to the admins' analytics group; 0: never (${default})."`
}

// Check returns what is wrong, beyond what package settings checks by itself.
func (s Settings) Check() error {
	if s.GroupRetention < s.Retention {
		return fmt.Errorf("HERALD_GROUP_RETENTION is %s: it must be at least HERALD_RETENTION, which is %s",
			s.GroupRetention, s.Retention)
	}
	return nil
}
