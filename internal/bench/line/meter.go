package line

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/bench"
)

// cost is the time and the resources of a measurement.
type cost struct {
	took time.Duration
	cpu  time.Duration // of all processes of the PostgreSQL server; 0 if they are not on this machine
	wal  int64         // bytes
}

// rate is n divided by the time, per second.
func (c cost) rate(n int) float64 { return float64(n) / c.took.Seconds() }

// less is the cost added since before; the time is left out.
func (c cost) less(before cost) cost { return cost{cpu: c.cpu - before.cpu, wal: c.wal - before.wal} }

// meter reads how much CPU time and WAL a PostgreSQL server has used.
type meter struct {
	conn *pgx.Conn
	root int // the parent of all the server's processes; 0 if it is not on this machine
}

func newMeter(ctx context.Context, conn *pgx.Conn, progress func(string)) (*meter, error) {
	var pid int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return nil, fmt.Errorf("asking the database for its process: %w", err)
	}
	root, err := bench.PostgresRoot(pid)
	if err != nil {
		progress(fmt.Sprintf("the CPU time of PostgreSQL is not measured: its processes are not on this machine (%v)", err))
	}
	return &meter{conn, root}, nil
}

// read returns the total use so far.
func (m *meter) read(ctx context.Context) (c cost, err error) {
	if m.root != 0 {
		if c.cpu, err = bench.FamilyCPU(m.root); err != nil {
			return c, err
		}
	}
	err = m.conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").Scan(&c.wal)
	if err != nil {
		return c, fmt.Errorf("reading how much WAL there is: %w", err)
	}
	return c, nil
}
