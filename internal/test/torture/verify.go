package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

// The rows of the outbox by the groups that they concern. An order event concerns the order's group and the
// restaurant's, even where its audience leaves one of them out.
func committedRows() string {
	orders, carts, admins := typeList(event.Order), typeList(event.TeamCart), typeList(event.Admin)
	return `
	SELECT g.name, o.seq, o.event_id, g.excluded, o.event_type, coalesce(o.resource_id::text, ''), coalesce(o.restaurant_id::text, ''),
		coalesce(` + originColumn() + `, ''), o.payload
	FROM herald.outbox o, LATERAL (
		SELECT 'order:' || o.resource_id, o.audience = 'Restaurant' WHERE o.event_type IN (` + orders + `)
		UNION ALL SELECT 'restaurant:' || o.restaurant_id, o.audience = 'Customer' WHERE o.event_type IN (` + orders + `)
		UNION ALL SELECT 'teamcart:' || o.resource_id, false WHERE o.event_type IN (` + carts + `)
		UNION ALL SELECT ` + adminGroupColumn() + `, false WHERE o.event_type IN (` + admins + `)
	) g (name, excluded)
	ORDER BY g.name COLLATE "C"`
}

const logEntries = `
	SELECT l.group_name, l.sequence, l.position, l.event_id, l.outbox_seq FROM herald.event_log l WHERE l.sequence > 0
	ORDER BY l.group_name, l.sequence`

// verify compares the clients' records with the database, one group after another, and returns how many events were
// committed.
func (r *run) verify(ctx context.Context) (committed int64, err error) {
	r.logf("comparing")
	conns := make([]*pgx.Conn, 3)
	for i := range conns {
		if conns[i], err = pgx.ConnectConfig(ctx, r.config); err != nil {
			return 0, fmt.Errorf("connecting to compare: %w", err)
		}
		defer conns[i].Close(context.WithoutCancel(ctx))
		if _, err = conns[i].Exec(ctx, "SET work_mem = '256MB'"); err != nil {
			return 0, fmt.Errorf("preparing to compare: %w", err)
		}
	}
	if err := r.verifyTables(ctx, conns[2]); err != nil {
		return 0, err
	}
	positions, err := readRevocations(ctx, conns[2])
	if err != nil {
		return 0, err
	}
	rows, err := openStream(ctx, conns[0], committedRows(), scanRow)
	if err != nil {
		return 0, err
	}
	defer rows.close()
	entries, err := openStream(ctx, conns[1], logEntries, scanEntry)
	if err != nil {
		return 0, err
	}
	defer entries.close()
	records := map[string][]checker.Record{}
	for _, t := range r.trackers() {
		records[t.group.String()] = append(records[t.group.String()], t.record(positions))
	}
	elsewhere := func(id uuid.UUID) (groups string) {
		_ = conns[2].QueryRow(ctx,
			`SELECT coalesce(string_agg(l.group_name, ', '), '') FROM herald.event_log l WHERE l.event_id = $1`,
			id).Scan(&groups)
		return groups
	}
	for {
		name := first(rows.group, entries.group, records)
		if name == "" {
			break
		}
		g := checker.Group{
			Name: name, Rows: rows.take(name), Log: entries.take(name),
			Records: records[name], Elsewhere: elsewhere,
		}
		delete(records, name)
		g.Check(r.verdict.add)
	}
	if err := rows.err; err != nil {
		return 0, fmt.Errorf("reading the outbox: %w", err)
	}
	if err := entries.err; err != nil {
		return 0, fmt.Errorf("reading the log: %w", err)
	}
	if err := conns[2].QueryRow(ctx, `SELECT count(*) FROM herald.outbox`).Scan(&committed); err != nil {
		return 0, fmt.Errorf("counting the outbox: %w", err)
	}
	return committed, nil
}

// first returns the name of the next group of any of the three; empty: there is none.
func first(a, b string, records map[string][]checker.Record) string {
	switch {
	case a == "" && b == "": // the remaining groups have neither events nor log: their clients must have received nothing
		for name := range records {
			return name
		}
		return ""
	case a == "":
		return b
	case b == "":
		return a
	default:
		return min(a, b)
	}
}

// verifyTables compares the outbox with the business tables, and checks the log as a whole.
func (r *run) verifyTables(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		WITH published AS (
			SELECT split_part(o.origin, '.', 1)::int AS chain, count(*) AS events, count(DISTINCT o.origin) AS versions,
				max(split_part(o.origin, '.', 2)::bigint) AS newest
			FROM (SELECT `+originColumn()+` AS origin FROM herald.outbox o WHERE o.event_type <> 'AccessRevoked') o
			GROUP BY 1
		)
		SELECT c.number, c.version, coalesce(p.events, 0), coalesce(p.versions, 0), coalesce(p.newest, 0)
		FROM torture.chain c LEFT JOIN published p ON p.chain = c.number
		WHERE c.version <> coalesce(p.events, 0) OR c.version <> coalesce(p.versions, 0) OR c.version <> coalesce(p.newest, 0)`)
	if err != nil {
		return fmt.Errorf("comparing the outbox with the business tables: %w", err)
	}
	var chain, version, events, versions, newest int64
	_, err = pgx.ForEachRow(rows, []any{&chain, &version, &events, &versions, &newest}, func() error {
		r.verdict.add(checker.Finding{
			Kind: checker.Inconsistent, Client: checker.Log, Group: fmt.Sprintf("chain %d", chain),
			Expected: fmt.Sprintf("versions 1 to %d", version),
			Got:      fmt.Sprintf("%d events of %d versions up to %d", events, versions, newest),
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("comparing the outbox with the business tables: %w", err)
	}
	var entries, distinct, lowest, highest int64
	if err := conn.QueryRow(ctx,
		`SELECT count(*), count(DISTINCT position), coalesce(min(position), 1), coalesce(max(position), 0) FROM herald.event_log`).
		Scan(&entries, &distinct, &lowest, &highest); err != nil {
		return fmt.Errorf("reading the log's positions: %w", err)
	}
	if lowest != 1 || distinct != entries || highest != entries {
		r.verdict.add(checker.Finding{
			Kind: checker.Position, Client: checker.Log, Expected: fmt.Sprintf("positions 1 to %d", entries),
			Got: fmt.Sprintf("%d different ones, %d to %d", distinct, lowest, highest),
		})
	}
	return nil
}

// readRevocations returns the positions of the revocations in the log.
func readRevocations(ctx context.Context, conn *pgx.Conn) (map[uuid.UUID]int64, error) {
	positions := map[uuid.UUID]int64{}
	rows, err := conn.Query(ctx, `SELECT event_id, position FROM herald.event_log WHERE sequence = 0`)
	if err != nil {
		return nil, fmt.Errorf("reading the revocations: %w", err)
	}
	var id uuid.UUID
	var position int64
	if _, err = pgx.ForEachRow(rows, []any{&id, &position},
		func() error { positions[id] = position; return nil }); err != nil {
		return nil, fmt.Errorf("reading the revocations: %w", err)
	}
	return positions, nil
}

// stream is a query's rows, group by group.
type stream[T any] struct {
	rows  pgx.Rows
	scan  func(pgx.Rows) (group string, item T, err error)
	group string // of the next item; empty: there is none
	item  T
	err   error
}

func openStream[T any](
	ctx context.Context, conn *pgx.Conn, sql string, scan func(pgx.Rows) (string, T, error),
) (*stream[T], error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("reading what was committed: %w", err)
	}
	s := &stream[T]{rows: rows, scan: scan}
	s.next()
	return s, s.err
}

func (s *stream[T]) next() {
	s.group = ""
	if s.rows.Next() {
		s.group, s.item, s.err = s.scan(s.rows)
	} else {
		s.err = s.rows.Err()
	}
	if s.err != nil {
		s.group = ""
	}
}

// take returns the items of a group, which is the next group or has none.
func (s *stream[T]) take(group string) (items []T) {
	for s.group == group && group != "" {
		items = append(items, s.item)
		s.next()
	}
	return items
}

func (s *stream[T]) close() { s.rows.Close() }

func scanRow(rows pgx.Rows) (group string, row checker.Row, err error) {
	var c committedRow
	var payload []byte
	if err := rows.Scan(&group, &row.Seq, &row.EventID, &row.Excluded, &c.eventType, &c.resource, &c.restaurant,
		&c.origin, &payload); err != nil {
		return "", row, fmt.Errorf("reading a row of the outbox: %w", err)
	}
	if err := json.Unmarshal(payload, &c.payload); err != nil {
		return "", row, fmt.Errorf("reading a payload of the outbox: %w", err)
	}
	row.Content = c.digest()
	o, err := parseOrigin(c.origin)
	row.Chain, row.Version = o.chain, o.version
	return group, row, err
}

func scanEntry(rows pgx.Rows) (group string, e checker.Entry, err error) {
	if err := rows.Scan(&group, &e.Sequence, &e.Position, &e.EventID, &e.Row); err != nil {
		return "", e, fmt.Errorf("reading an entry of the log: %w", err)
	}
	return strings.Clone(group), e, nil
}
