package hubs_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// An administrator is told of a call that fails because the database is away, as of every failure, and only that it
// failed.
//
// Acceptance: A-148.
func TestAnAdministratorIsToldThatTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	proxy := pgtest.NewProxy(t, pgtest.New(t))
	pool, err := pgxpool.New(t.Context(), proxy.DSN())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := setup(t, func(s *server) {
		s.asking = func(cfg *hubs.Config) {
			cfg.Connections, cfg.Stats = nodes.New(pool, uuid.New()), outbox.NewPublisher(pool)
		}
	})
	c, _ := s.connectAdmin()
	c.must("GetConnectionCount")
	proxy.Shut()
	for _, method := range []string{"GetConnectionCount", "GetPlatformStats"} {
		failed := "An unexpected error occurred invoking '" + method + "' on the server."
		require.Equal(t, failed, c.call(method).Error)
		require.Len(t, c.seen, 1)
		c.toldOf(failed)
	}
	proxy.Reopen()
	c.must("GetConnectionCount")
	require.Empty(t, c.seen)
}
