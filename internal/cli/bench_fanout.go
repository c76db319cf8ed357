package cli

import (
	"context"
	"time"

	"github.com/yummyzoom/herald/internal/bench/crowd"
)

type benchFanoutCmd struct {
	benchOutput

	Members  []int         `default:"1,100,1000,5000" placeholder:"N,…" help:"Sizes of the group that are measured (${default})."`
	Windows  []int         `default:"1,64" placeholder:"N,…" help:"How many messages may be on their way to all members (${default})."`
	Payload  int           `default:"200" placeholder:"BYTES" help:"Size of a message (${default})."`
	Stuck    int           `default:"1000" placeholder:"N" help:"Size of the group that is measured beside a member that reads nothing; 0 for none (${default})."`
	Runs     int           `default:"5" help:"Runs of each, after as many of its baseline (${default})."`
	Duration time.Duration `default:"2s" help:"Length of a run (${default})."`
	Dial     int           `default:"256" placeholder:"N" help:"Connections that are opened at a time (${default})."`
}

func (c *benchFanoutCmd) Run(ctx context.Context, s *streams) error {
	self, err := ownProgram()
	if err != nil {
		return err
	}
	if err := positive(append(append([]int{c.Runs}, c.Members...), c.Windows...)...); err != nil {
		return err
	}
	f := crowd.Fanout{
		Program: self, Members: c.Members, Windows: c.Windows, Payload: c.Payload, Stuck: c.Stuck,
		Runs: c.Runs, Duration: c.Duration,
		Dial: c.Dial, Progress: s.progress,
	}
	figures, err := f.Run(ctx)
	return c.print(s, figures, err)
}
