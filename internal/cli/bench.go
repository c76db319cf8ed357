package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/yummyzoom/herald/internal/bench"
	"github.com/yummyzoom/herald/internal/bench/crowd"
)

type benchCmd struct {
	Publish benchPublishCmd `cmd:"" help:"Transactions a second that publish an event, beside such that insert a plain row."`
	Relay   benchRelayCmd   `cmd:"" help:"From the outbox to the log, when many events have been waiting."`
	Latency benchLatencyCmd `cmd:"" help:"From the producer's COMMIT to the client's handler: one event at a time, and so many a second."`
	Fanout  benchFanoutCmd  `cmd:"" help:"Messages a second to the members of one group, and with one that is stuck."`
	Idle    benchIdleCmd    `cmd:"" help:"Memory of a connection at rest, and what it costs to connect."`
	Invoke  benchInvokeCmd  `cmd:"" help:"Hub method invocations a second and core."`
	Storm   benchStormCmd   `cmd:"" help:"All clients lose their connections at once, come back and resume."`
	Replay  benchReplayCmd  `cmd:"" help:"Clients that have missed many events resume, from the recent ones and from the log."`

	Members benchMembersCmd `cmd:"" hidden:"" help:"The clients of a bench, which starts this by itself."`
	Bare    benchBareCmd    `cmd:"" hidden:"" help:"The baseline of a bench, which starts this by itself."`
}

// benchOutput has the flags that all benches share.
type benchOutput struct {
	JSON bool `name:"json" help:"Print one JSON object a line and figure."`
}

// print prints a bench's result, unless it failed.
func (o benchOutput) print(s *streams, figures []bench.Figure, err error) error {
	if err != nil {
		return err
	}
	return bench.Print(s.out, figures, o.JSON)
}

// progress writes a line about a bench's progress.
func (s *streams) progress(line string) { _, _ = fmt.Fprintln(s.err, line) }

// ownProgram is the path of this program, from which benches start processes.
func ownProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	return self, nil
}

type benchMembersCmd struct{}

// arrivalsFile is the file descriptor that the bench opens beside the standard streams.
const arrivalsFile = 3

func (c *benchMembersCmd) Run(ctx context.Context) error {
	return crowd.ServeMembers(ctx, os.Stdin, os.Stdout, os.NewFile(arrivalsFile, "arrivals"))
}

type benchBareCmd struct {
	Frames int `help:"Prebuilt frames that are sent where a client asks for them."`
	Size   int `help:"Bytes of each."`
}

func (c *benchBareCmd) Run(ctx context.Context) error {
	return crowd.ServeBare(ctx, os.Stdin, os.Stdout, c.Frames, c.Size)
}

// positive checks that all numbers of a command line are above 0.
func positive(numbers ...int) error {
	for _, n := range numbers {
		if n <= 0 {
			return fmt.Errorf("%d is not a number that a bench can work with: it must be more than zero", n)
		}
	}
	return nil
}
