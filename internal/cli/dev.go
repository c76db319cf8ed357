package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/config"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/simulation"
)

const devTokenLife = 30 * 24 * time.Hour

type devCmd struct {
	config.Database
	config.Listen
	config.Auth
	config.Server

	Quiet bool          `short:"q" help:"Do not print a line an event."`
	Pace  time.Duration `default:"700ms" help:"Mean time between two transactions of one simulated service (${default})."`
}

func (c *devCmd) Run(ctx context.Context, logger *slog.Logger, s *streams) error {
	if err := c.Check(); err != nil {
		return err
	}
	c.setDefaults()
	if !c.HasKey() {
		key, err := devKey(c.DataDir)
		if err != nil {
			return err
		}
		c.JWTSecret = key
	}
	db, err := serveDatabase(ctx, c.Database, logger)
	if err != nil {
		return untilTold(ctx, err)
	}
	defer db.stop(ctx)
	cfg := app.Config{
		Auth: c.Auth, Server: c.Server, DatabaseURL: db.url, ListenDatabaseURL: c.ListenDatabaseURL, Version: version(), Logger: logger,
		Migrate: true,
		Background: func(ctx context.Context, pool *pgxpool.Pool) error {
			sim, err := simulation.New(simulation.Config{Pool: pool, Pace: c.Pace, Logger: logger})
			if err != nil {
				return err
			}
			waiter := postgres.Waiter{Address: postgres.Address(db.url), Logger: logger}
			if err := waiter.Do(ctx, sim.Setup); err != nil {
				return err
			}
			return sim.Run(ctx)
		},
	}
	if !c.Quiet {
		cfg.Broadcast = func(batch []event.Logged) { printBatch(s.out, batch) }
	}
	node, err := app.New(ctx, cfg)
	if err != nil {
		return err
	}
	return db.run(ctx, func(ctx context.Context) error { return c.serve(ctx, node, s.out) })
}

// setDefaults is what differs from production.
func (c *devCmd) setDefaults() {
	c.FeatureTeamcart = true
	c.Server.Listen = cmp.Or(c.Server.Listen, config.ListenDefaultDev)
}

// serve runs the node and prints what there is to try as soon as it works.
func (c *devCmd) serve(ctx context.Context, node *app.App, out io.Writer) error {
	var welcoming errgroup.Group
	ended := make(chan struct{})
	welcoming.Go(func() error {
		select {
		case <-node.Serving():
			return c.welcome(out, node.Addr())
		case <-ended:
			return nil
		}
	})
	err := node.Run(ctx)
	close(ended)
	return errors.Join(err, welcoming.Wait())
}

// welcome prints what there is to try.
func (c *devCmd) welcome(out io.Writer, addr net.Addr) error {
	base := baseURL(c.Server.Listen, addr, c.TLSCertFile != "")
	_, _ = fmt.Fprintf(out, "\nHubs         %s/hubs/{customer-orders,restaurant-orders,teamcart,admin}\n", base)
	if c.JWTSecret == "" && c.JWTSecretFile == "" {
		_, err := fmt.Fprintln(out, "Tokens       from the issuer that is configured")
		return err //nolint:wrapcheck // the terminal is gone
	}
	secret, err := mintingSecret(c.Auth, c.DataDir)
	if err != nil {
		return err
	}
	people := []struct {
		who, subject string
		roles        []string
	}{
		{"customer", simulation.Customer, nil}, {"restaurant", simulation.Staff, nil}, {"admin", simulation.Admin, []string{c.AdminRole}},
	}
	for _, p := range people {
		token, err := auth.Mint(secret, auth.Grant{
			Subject: p.subject, Roles: p.roles, TTL: devTokenLife, Issuer: c.JWTIssuer, Audience: c.JWTAudience,
		})
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%-12s %s\n", p.who, token)
	}
	_, _ = fmt.Fprintf(out, "Restaurant   %s · order %s · team cart %s\n", simulation.RestaurantID, simulation.OrderID, simulation.TeamCartID)
	_, err = fmt.Fprintf(out, "Follow one   %s tail order:%s --url %s --subject %s\n\n", os.Args[0], simulation.OrderID, base, simulation.Customer)
	return err //nolint:wrapcheck // the terminal is gone
}

// baseURL is where a client on this machine finds what listens on addr, as the setting has it.
func baseURL(listen string, addr net.Addr, encrypted bool) string {
	scheme, host, port := "http", "localhost", ""
	if encrypted {
		scheme = "https"
	}
	if tcp, ok := addr.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
		if named, _, err := net.SplitHostPort(listen); err == nil && !tcp.IP.IsUnspecified() && !strings.EqualFold(named, host) {
			host = tcp.IP.String()
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func printBatch(out io.Writer, batch []event.Logged) {
	for _, l := range batch {
		_, _ = fmt.Fprintf(out, "%s  #%-6d %-24s %s (%d)\n", l.OccurredOn.Local().Format("15:04:05.000"), l.Position, l.Type, l.Group, l.Sequence)
	}
}
