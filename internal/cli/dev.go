package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/simulation"
)

const devTokenLife = 30 * 24 * time.Hour

type devCmd struct {
	Database
	Listen
	Auth
	Server

	Quiet bool          `short:"q" help:"Do not print a line an event."`
	Pace  time.Duration `default:"700ms" help:"Mean time between two transactions of one simulated service (${default})."`

	ownKey  bool          // tokens are signed with the key in the data directory
	peopled chan struct{} // closed when the printed commands work: the simulated people have their rights
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
		c.JWTSecret, c.ownKey = key, true
	}
	db, err := serveDatabase(ctx, c.Database, logger)
	if err != nil {
		return untilTold(ctx, err)
	}
	defer db.stop(ctx)
	c.peopled = make(chan struct{})
	cfg := app.Config{
		Auth: c.Auth, Server: c.Server, DatabaseURL: db.url, ListenDatabaseURL: c.ListenDatabaseURL,
		Version: version(), Logger: logger,
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
			close(c.peopled)
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
	return db.run(ctx, func(ctx context.Context) error { return c.serve(ctx, node, db, s.out) })
}

// setDefaults sets the defaults that differ from production.
func (c *devCmd) setDefaults() {
	c.FeatureTeamcart = true
	c.Server.Listen = cmp.Or(c.Server.Listen, app.ListenDefaultDev)
	if len(c.AllowedOrigins) == 0 { // a page under development has its own server, on an unknown port
		c.AllowedOrigins = []string{"http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*", "https://localhost:*"}
	}
}

// serve runs the node and, once it works, prints commands to try.
func (c *devCmd) serve(ctx context.Context, node *app.App, db *served, out io.Writer) error {
	var welcoming errgroup.Group
	ended := make(chan struct{})
	welcoming.Go(func() error {
		for _, step := range []<-chan struct{}{node.Serving(), c.peopled} {
			select {
			case <-step:
			case <-ended:
				return nil
			}
		}
		return c.welcome(out, node.Addr(), db)
	})
	err := node.Run(ctx)
	close(ended)
	return errors.Join(err, welcoming.Wait())
}

// welcome prints commands to try.
func (c *devCmd) welcome(out io.Writer, addr net.Addr, db *served) error {
	base := baseURL(c.Server.Listen, addr, c.TLSCertFile != "")
	_, _ = fmt.Fprintf(out, "\nHubs         %s/hubs/{%s}\n", base, strings.Join(event.HubNames(), ","))
	psql := `psql "$HERALD_DATABASE_URL"`
	if db.cluster != nil {
		psql = "psql " + shellWord(db.url)
	}
	_, _ = fmt.Fprintf(out, "Database     %s · %s\n", postgres.Address(db.url), psql)
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
		{"customer", simulation.Customer, nil},
		{"restaurant", simulation.Staff, nil},
		{"admin", simulation.Admin, []string{c.AdminRole}},
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
	_, _ = fmt.Fprintf(out, "Restaurant   %s · order %s · team cart %s\n", simulation.RestaurantID,
		simulation.OrderID, simulation.TeamCartID)
	follow, err := c.followCommand(base)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Follow one   %s\n\n", follow)
	return err //nolint:wrapcheck // the terminal is gone
}

// followCommand is the command that follows the simulated customer's order; it works from any folder.
func (c *devCmd) followCommand(base string) (string, error) {
	self, err := ownProgram()
	if err != nil {
		return "", err
	}
	words := []string{
		self, "tail", "order:" + simulation.OrderID.String(), "--url", base,
		"--subject", simulation.Customer,
	}
	if c.ownKey {
		dir, err := filepath.Abs(c.DataDir)
		if err != nil {
			return "", fmt.Errorf("finding %s: %w", c.DataDir, err)
		}
		words = append(words, "--data-dir", dir)
	}
	for i, word := range words {
		words[i] = shellWord(word)
	}
	return strings.Join(words, " "), nil
}

// shellWord quotes text as one word of a command line.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+="
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// baseURL is the URL at which a client on this machine reaches a server with the setting addr.
func baseURL(listen string, addr net.Addr, encrypted bool) string {
	scheme, host, port := "http", "localhost", ""
	if encrypted {
		scheme = "https"
	}
	if tcp, ok := addr.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
		if named, _, err := net.SplitHostPort(listen); err == nil && !tcp.IP.IsUnspecified() &&
			!strings.EqualFold(named, host) {
			host = tcp.IP.String()
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func printBatch(out io.Writer, batch []event.Logged) {
	for _, l := range batch {
		_, _ = fmt.Fprintf(out, "%s  #%-6d %-24s %s (%d)\n", l.OccurredOn.Local().Format("15:04:05.000"), l.Position,
			l.Type, l.Group, l.Sequence)
	}
}
