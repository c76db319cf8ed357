package retention_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/retention"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// A day is a UTC day, whatever time zone the session has that makes its partition.
func TestADayIsUTCsWhateverTheSessionSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	odd := b.Conn(t) // a session that is as the database and the role are
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 10)
	for _, zone := range []string{
		"Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "Africa/Cairo", "Asia/Kolkata", "America/Santiago",
		"<X>-12:34", "UTC",
	} {
		for _, style := range []string{"SQL, DMY", "SQL, MDY", "Postgres, DMY", "German, DMY", "ISO, YMD"} {
			for _, interval := range []string{"sql_standard", "iso_8601"} {
				name := fmt.Sprintf("%s, %s, %s", zone, style, interval)
				for setting, value := range map[string]string{"TimeZone": zone, "DateStyle": style, "IntervalStyle": interval} {
					_, err := odd.Exec(t.Context(), "SELECT set_config($1, $2, false)", setting, value)
					require.NoError(t, err)
				}
				table := []string{"outbox", "event_log"}[day.Day()%2]
				require.True(t, fixture.Scan[bool](t, odd, "SELECT herald.ensure_partition($1, $2)", table, day), name)
				require.False(t, fixture.Scan[bool](t, odd, "SELECT herald.ensure_partition($1, $2)", table, day), name)
				var first, next time.Time
				require.NoError(t,
					b.Pool.QueryRow(t.Context(), "SELECT b.first, b.next FROM herald.partition_bounds($1) b WHERE b.day = $2",
						table, day).Scan(&first, &next), name)
				require.Equal(t, []time.Time{day, day.AddDate(0, 0, 1)}, []time.Time{first.UTC(), next.UTC()}, name)
				require.True(t,
					fixture.Scan[bool](t, odd,
						"SELECT b.first = $3 AND b.next = $4 FROM herald.partition_bounds($1) b WHERE b.day = $2",
						table, day, day, day.AddDate(0, 0, 1)), name)
				day = day.AddDate(0, 0, 1)
			}
		}
	}
}

// shift makes the partitions of some days as earlier releases made them in a session of Shanghai's that writes dates
// as SQL does: by 14 hours too late, because "CST" was read back as America's.
func (b *bundle) shift(t *testing.T, from, to int) {
	t.Helper()
	b.DropPartitions(t)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for _, table := range []string{"outbox", "event_log"} {
		for days := from; days <= to; days++ {
			day := today.AddDate(0, 0, days)
			b.Exec(t, fmt.Sprintf("CREATE TABLE herald.%s_p%s PARTITION OF herald.%s FOR VALUES FROM ('%s') TO ('%s')", table,
				day.Format("20060102"), table,
				day.Add(14*time.Hour).Format(time.RFC3339), day.Add(38*time.Hour).Format(time.RFC3339)))
		}
	}
}

// A day's partition may hold rows of the next day, where an earlier release has made it. Rows that are needed stay,
// and so do rows that are not old enough.
func TestRetentionGoesByBoundsAndNotByNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.shift(t, -12, 0)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	later := time.Now().AddDate(1, 0, 0)
	scheduled := b.Insert(t,
		fixture.Cart(fixture.Columns{"deliver_after": later, "written_at": today.AddDate(0, 0, -9).Add(13 * time.Hour)}))
	require.Equal(t, fixture.Partition(today.AddDate(0, 0, -10)), b.Home(t, scheduled))
	recent := b.Insert(t, fixture.Cart(fixture.Columns{"written_at": today.AddDate(0, 0, -7).Add(13 * time.Hour)}))
	b.Relay(t)

	require.Positive(t, b.Retire(t).Days)
	inOutbox, _ := b.Rows(t, scheduled)
	require.Equal(t, 1, inOutbox, "a scheduled event keeps its row")
	require.Equal(t, "outbox_default", b.Home(t, scheduled))
	inOutbox, _ = b.Rows(t, recent)
	require.Equal(t, 1, inOutbox, "an event that is not older than the retention keeps its row")
	require.Equal(t, fixture.Partition(today.AddDate(0, 0, -8)), b.Home(t, recent))
}

// The days behind one that an earlier release has shifted begin where that one ends.
func TestADayBehindAShiftedOneIsWhatIsLeftOfIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.shift(t, -3, -1)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	created, err := retention.EnsurePartitions(t.Context(), b.Pool, today, 2)
	require.NoError(t, err)
	require.Equal(t, 2*3, created)
	rows, err := b.Pool.Query(t.Context(),
		"SELECT b.first FROM herald.partition_bounds('outbox') b WHERE b.day >= $1 ORDER BY b.first", today)
	require.NoError(t, err)
	begin, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	require.NoError(t, err)
	for i, want := range []time.Time{today.Add(14 * time.Hour), today.AddDate(0, 0, 1), today.AddDate(0, 0, 2)} {
		require.WithinDuration(t, want, begin[i], 0)
	}
	for hour := range 48 {
		b.Insert(t, fixture.Cart(fixture.Columns{"written_at": today.Add(time.Duration(hour) * time.Hour)}))
	}
	require.Zero(t, fixture.Scan[int](t, b.Pool, "SELECT count(*) FROM herald.outbox_default"))
	created, err = retention.EnsurePartitions(t.Context(), b.Pool, today, 2)
	require.NoError(t, err)
	require.Zero(t, created)
}
