package e2e_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const letters = 200

// bury makes dead letters of newly written events.
func bury(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	_, err := db.Exec(t.Context(), `UPDATE herald.relay_checkpoint SET paused_at = now(), paused_by = 'the test'`)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), `INSERT INTO herald.outbox (event_type, resource_id, payload)
		SELECT 'CartUpdated', gen_random_uuid(), '{}' FROM generate_series(1, $1)`, letters)
	require.NoError(t, err)
	_, err = db.Exec(
		t.Context(), `INSERT INTO herald.dead_letter (event_id, outbox_seq, outbox_written_at, reason, attempts)
		SELECT event_id, seq, written_at, 'a test', 10 FROM herald.outbox`)
	require.NoError(t, err)
}

// block locks a dead letter, and returns when a command waits for it. release unlocks it.
func block(t *testing.T, db *pgxpool.Pool) (waited func(), release func()) {
	t.Helper()
	tx, err := db.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	_, err = tx.Exec(t.Context(), `SELECT FROM herald.dead_letter ORDER BY event_id OFFSET 100 LIMIT 1 FOR UPDATE`)
	require.NoError(t, err)
	waited = func() {
		t.Helper()
		require.True(t, eventually(func() bool {
			var waits bool
			err := db.QueryRow(
				t.Context(),
				`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`,
			).Scan(&waits)
			return err == nil && waits
		}))
	}
	return waited, func() { t.Helper(); require.NoError(t, tx.Commit(t.Context())) }
}

// decided counts the dead letters with a decision.
func decided(t *testing.T, db *pgxpool.Pool, how string) (n int) {
	t.Helper()
	sql := map[string]string{
		"retry": `SELECT count(*) FROM herald.river_job WHERE kind = 'retry_event'`,
		"drop":  `SELECT count(*) FROM herald.dead_letter WHERE dropped_at IS NOT NULL`,
	}[how]
	require.NoError(t, db.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

// lines counts the printed lines about decisions.
func lines(out string) int {
	if strings.TrimSpace(out) == "" {
		return 0
	}
	return len(strings.Split(strings.TrimSpace(out), "\n"))
}

// An interrupted command has printed exactly what it did, and says how much that is.
//
// Acceptance: A-429.
func TestAnInterruptedCommandSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	for how, signal := range map[string]os.Signal{"retry": os.Interrupt, "drop": syscall.SIGTERM} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			pool := db.Pool(t)
			bury(t, pool)
			waited, release := block(t, pool)
			p := start(t, settings(db.DSN()), "dead", how, "--all")
			waited()
			require.NoError(t, p.cmd.Process.Signal(signal))
			release()
			require.NotZero(t, p.ended(t))
			out, logs := p.texts()
			found := regexp.MustCompile(`herald: interrupted after (\d+) of (\d+)`).FindStringSubmatch(logs)
			require.NotNil(t, found, logs)
			done, err := strconv.Atoi(found[1])
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(letters), found[2])
			require.Less(t, done, letters)
			require.Equal(t, done, lines(out))
			require.Equal(t, done, decided(t, pool, how))
		})
	}
}

// A database that goes away in the middle of a command and comes back does no harm. If it stays away the command
// ends, and says how far it came.
//
// Acceptance: A-429.
func TestACommandSurvivesItsDatabasesAbsence(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"retry", "drop"} {
		for _, back := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, back: %t", how, back), func(t *testing.T) {
				t.Parallel()
				db := pgtest.New(t)
				pool, proxy := db.Pool(t), pgtest.NewProxy(t, db)
				bury(t, pool)
				waited, release := block(t, pool)
				wait := 30 * time.Second
				if !back {
					wait = 300 * time.Millisecond
				}
				p := start(t, settings(proxy.DSN()), "dead", how, "--all", "--wait="+wait.String())
				waited()
				proxy.Shut() // its answer is lost
				release()
				if back {
					require.True(t, eventually(func() bool { return proxy.Rejected() > 0 }))
					proxy.Reopen()
					require.Zero(t, p.ended(t))
				} else {
					require.Equal(t, 1, p.ended(t))
				}
				out, logs := p.texts()
				if back {
					require.Equal(t, letters, lines(out))
					require.Equal(t, letters, decided(t, pool, how))
					return
				}
				require.Regexp(
					t, fmt.Sprintf(`herald: stopped after %d of %d: of event \S+ it is not known`, lines(out), letters), logs,
				)
				require.InDelta(t, lines(out), decided(t, pool, how), 1, "but for the one that is not known")
			})
		}
	}
}
