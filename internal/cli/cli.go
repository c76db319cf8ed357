package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/alecthomas/kong"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/loglimit"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // the shell's code for a command that Ctrl-C has ended
)

// errFindings ends a command that has already printed what is wrong.
var errFindings = errors.New("there are findings")

type commands struct {
	Log

	Dev         devCmd         `cmd:"" help:"Everything on this machine: database, simulated services, server."`
	Serve       serveCmd       `cmd:"" help:"Serve, in production."`
	Migrate     migrateCmd     `cmd:"" help:"Create or upgrade the database schema."`
	Token       tokenCmd       `cmd:"" help:"Mint a development JWT, or explain one."`
	Publish     publishCmd     `cmd:"" help:"Publish one event."`
	Tail        tailCmd        `cmd:"" help:"Follow a hub group in the terminal, resuming by itself."`
	Trace       traceCmd       `cmd:"" help:"Tell where an event is."`
	Connections connectionsCmd `cmd:"" help:"List who is connected, over all nodes."`
	Disconnect  disconnectCmd  `cmd:"" help:"Close the connections of a user, of a group, or one, on all nodes."`
	Node        nodeCmd        `cmd:"" help:"List the nodes, or take one out."`
	Dead        deadCmd        `cmd:"" help:"List, mend, retry or drop the events that could not be delivered."`
	Relay       relayCmd       `cmd:"" help:"Pause or resume the relay, or tell its state."`
	Check       checkCmd       `cmd:"" help:"Check configuration and database, one line a finding."`
	Bench       benchCmd       `cmd:"" help:"Measure."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// streams are the streams that a command writes to.
type streams struct {
	out, err io.Writer
}

// Run parses args, runs the command and returns the process's exit code.
func Run(ctx context.Context, args []string, out, err io.Writer) int {
	var cmd commands
	exited, code := false, exitOK
	parser, buildErr := kong.New(&cmd,
		kong.Name("herald"),
		kong.Description("Relays events from a Postgres outbox to SignalR clients: exactly once, in order, with replay."),
		kong.Writers(out, err),
		kong.Exit(func(c int) { exited, code = true, c }),
		vars(),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Tree: true}),
	)
	if buildErr != nil {
		_, _ = fmt.Fprintln(err, buildErr)
		return exitFailed
	}
	parsed, parseErr := parser.Parse(args)
	if exited { // --help
		return code
	}
	if parseErr != nil {
		parser.FatalIfErrorf(parseErr)
		return exitUsage
	}
	logger := slog.New(loglimit.New(cmd.Logger().Handler()))
	slog.SetDefault(logger) // for lines that libraries log
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(logger, &streams{out, err})
	runErr := parsed.Run()
	switch {
	case runErr == nil:
		return exitOK
	case errors.Is(runErr, errFindings):
		return exitFailed
	case ctx.Err() != nil:
		if _, told := errors.AsType[*interruptedError](runErr); !told {
			runErr = fmt.Errorf("interrupted: %w", runErr)
		}
		_, _ = fmt.Fprintf(err, "herald: %v\n", runErr)
		return exitInterrupted
	default:
		_, _ = fmt.Fprintf(err, "herald: %v\n", runErr)
		return exitFailed
	}
}

// vars are the variables of help texts.
func vars() kong.Vars { return kong.Vars{"groups": event.GroupForms()} }

// untilTold returns the error of a command that runs until it is told to end; being told to end is no error.
func untilTold(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
