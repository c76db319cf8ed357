package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"time"

	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/relay"
)

type relayCmd struct {
	Pause  relayPauseCmd  `cmd:"" help:"Make every node leave committed events in the outbox, until resume. Nothing is lost."`
	Resume relayResumeCmd `cmd:"" help:"Let the nodes relay again, from where they stopped."`
	Status relayStatusCmd `cmd:"" help:"Tell whether the relay is paused, how much waits, and what could not be delivered."`
}

type relayPauseCmd struct {
	existing

	By string `placeholder:"WHO" help:"Who pauses it and why, for those who find it paused. Defaults to this user and host."`
}

func (c *relayPauseCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := c.openToWrite(ctx, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	by := c.By
	if by == "" {
		by = whoAmI()
	}
	changed, err := relay.Pause(ctx, pool, by)
	if err != nil {
		return err
	}
	if changed {
		_, _ = fmt.Fprintln(s.out, "paused: events wait in the outbox; continue with `herald relay resume`")
		return nil
	}
	_, _ = fmt.Fprintln(s.out, "it was paused already; see `herald relay status`")
	return nil
}

func whoAmI() string {
	name := "somebody"
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + " on " + host
}

type relayResumeCmd struct{ existing }

func (c *relayResumeCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := c.openToWrite(ctx, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	changed, err := relay.Resume(ctx, pool)
	if err != nil {
		return err
	}
	if changed {
		_, _ = fmt.Fprintln(s.out, "resumed")
		return nil
	}
	_, _ = fmt.Fprintln(s.out, "it was not paused")
	return nil
}

type relayStatusCmd struct{ existing }

func (c *relayStatusCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	pool, err := c.open(ctx, logger)
	if err != nil {
		return err
	}
	defer pool.Close()
	state, err := relay.ReadPausing(ctx, pool)
	if err != nil {
		return err
	}
	lag, err := relay.ReadLag(ctx, pool, checkLagRows)
	if err != nil {
		return err
	}
	lost, err := jobs.ReadUndelivered(ctx, pool)
	if err != nil {
		return err
	}
	doing := "relaying"
	if state.Paused() {
		doing = fmt.Sprintf("paused since %s by %s", moment(state.Since), oneLine(state.By))
	}
	waiting := fmt.Sprintf("%d rows wait", lag.Waiting)
	if lag.Waiting > 0 {
		waiting += fmt.Sprintf(", the oldest for %s",
			time.Duration(lag.OldestSeconds*float64(time.Second)).Round(time.Millisecond))
	}
	relayed := "nothing has been relayed yet"
	if !state.RelayedAt.IsZero() {
		relayed = "last relayed " + moment(state.RelayedAt)
	}
	if told := undelivered(&lost); told != "" {
		waiting += "; " + told + " (herald dead list)"
	}
	_, _ = fmt.Fprintf(s.out, "%s; position %d, %s; %s\n", doing, state.Position, relayed, waiting)
	return nil
}
