package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A node drops days older than its own setting allows, and shows in its metrics what is left.
func TestNodeDropsWhatIsOlderThanItsRetention(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retention time.Duration
		left      string // of nine: five past ones, today's, and three ahead
	}{
		"three days, as set": {72 * time.Hour, `herald_outbox_partitions{table="event_log"} 4`},
		"seven, by default":  {168 * time.Hour, `herald_outbox_partitions{table="event_log"} 7`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			_, err := db.Pool(t).Exec(t.Context(),
				`SELECT herald.ensure_partition('event_log', (now() AT TIME ZONE 'UTC')::date - d)
				FROM unnest('{4,5,6,9,30}'::int[]) d`)
			require.NoError(t, err)
			cfg, stop := startNode(t, db, func(s *app.Settings) { s.Retention = c.retention })
			require.Eventually(t, func() bool {
				_, metrics := ask(t, cfg, http.MethodGet, "/metrics", "")
				return strings.Contains(metrics, c.left+"\n")
			}, patience, patience/1000)
			stopped(t, stop)
		})
	}
}
