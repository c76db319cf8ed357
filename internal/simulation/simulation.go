package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

const (
	defaultPace         = 700 * time.Millisecond
	defaultRollbackRate = 0.1
	retryDelay          = time.Second
)

// The people of the simulation. They stay the same over restarts, so that a token stays valid for them. They are
// UUIDs, as users are in the documents: a handler that declares its userId as a UUID is not called for another text.
const (
	Customer = "7a1d5f3e-2c4b-4f6a-9b8e-0c1d2e3f4a51"
	Staff    = "7a1d5f3e-2c4b-4f6a-9b8e-0c1d2e3f4a52"
	Admin    = "7a1d5f3e-2c4b-4f6a-9b8e-0c1d2e3f4a53"
)

// The order and the restaurant that the printed tokens are for.
var (
	RestaurantID = uuid.MustParse("f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e") //nolint:gochecknoglobals // a constant
	OrderID      = uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479") //nolint:gochecknoglobals // a constant
	TeamCartID   = uuid.MustParse("0b8f1c52-6f3c-4e0a-9a3e-5f1f0c0d7e11") //nolint:gochecknoglobals // a constant
)

// Config sets the simulation's pace.
type Config struct {
	Pool *pgxpool.Pool
	// Pace is the mean time between two transactions of one service. Defaults to 700 ms.
	Pace time.Duration
	// RollbackRate is the share of transactions that roll back after publishing. Defaults to 0.1.
	RollbackRate float64
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

// Simulation is the three services.
type Simulation struct {
	cfg Config
}

// New returns a simulation; it does nothing until Run.
func New(cfg Config) (*Simulation, error) {
	if cfg.Pool == nil {
		return nil, errors.New("simulation: Pool is required")
	}
	cfg.Pace = cmp.Or(cfg.Pace, defaultPace)
	cfg.RollbackRate = cmp.Or(cfg.RollbackRate, defaultRollbackRate)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Simulation{cfg: cfg}, nil
}

const tables = `
CREATE SCHEMA IF NOT EXISTS demo;
CREATE TABLE IF NOT EXISTS demo.orders (
	id uuid PRIMARY KEY, number text NOT NULL, customer_id text NOT NULL, restaurant_id uuid NOT NULL,
	status text NOT NULL, estimated_delivery_time timestamptz, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS demo.team_carts (
	id uuid PRIMARY KEY, host_id text NOT NULL, status text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS demo.counters (name text PRIMARY KEY, value numeric NOT NULL);
INSERT INTO demo.counters VALUES ('totalUsers', 5432), ('activeUsers', 234), ('newUsersToday', 12), ('websitesGenerated', 1203),
	('imagesGenerated', 3847), ('failedGenerations', 5), ('totalRevenue', 98765.43), ('revenueToday', 1234.56)
	ON CONFLICT DO NOTHING;`

// Setup creates the services' own tables and the rows that the printed tokens rely on: the staff member's and the
// customer's grants, including the grant for the followed order, which may not have been placed yet.
func (s *Simulation) Setup(ctx context.Context) error {
	if _, err := s.cfg.Pool.Exec(ctx, tables); err != nil {
		return fmt.Errorf("creating the simulated services' tables: %w", err)
	}
	_, err := s.cfg.Pool.Exec(ctx, `
		SELECT herald.grant_access(g.policy, g.resource, g.person) FROM (VALUES
			('MustBeRestaurantStaff', $1::uuid, $2), ('MustBeTeamCartMember', $3::uuid, $4), ('MustBeOrderOwner', $5::uuid, $4)) g (policy, resource, person)
		WHERE NOT herald.can_subscribe(g.policy, g.resource, g.person)`,
		RestaurantID, Staff, TeamCartID, Customer, OrderID)
	if err != nil {
		return fmt.Errorf("granting access to the simulated people: %w", err)
	}
	return nil
}

// Run plays the services until ctx ends. A failed transaction is logged and tried again.
func (s *Simulation) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, step := range map[string]step{
		"followed order": s.followedOrder,
		"orders":         s.order,
		"team carts":     s.teamCart,
		"administration": s.administration,
	} {
		group.Go(func() error { return s.service(ctx, name, step) })
	}
	return group.Wait()
}

// errRollBack ends a simulated transaction that fails after it has published.
var errRollBack = errors.New("the business transaction rolled back")

// step is one transaction of a service. turn is how many transactions it has committed before; steps that depend on
// turn are certain to come.
type step func(ctx context.Context, tx pgx.Tx, turn int) error

func (s *Simulation) service(ctx context.Context, name string, step step) error {
	for turn := 0; ; {
		delay := time.Duration(rand.ExpFloat64() * float64(s.cfg.Pace)) //nolint:gosec // not a secret
		err := pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
			if err := step(ctx, tx, turn); err != nil {
				return err
			}
			if rand.Float64() < s.cfg.RollbackRate { //nolint:gosec // not a secret
				return errRollBack
			}
			return nil
		})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		if err == nil {
			turn++
		}
		if err != nil && !errors.Is(err, errRollBack) {
			s.cfg.Logger.WarnContext(ctx, "simulated service failed", slog.String("service", name), slog.Any("error", err))
			delay = retryDelay
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(delay, 5*s.cfg.Pace)):
		}
	}
}
