package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// farBehind allows clients to be away as long as a slow machine takes. Falling further behind than the limit is a
// gap, which another test covers.
const farBehind = "HERALD_REPLAY_LIMIT=100000"

// Acceptance: A-186.
func TestServerIsKilledWhileServicesPublish(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d := serve(t, dsn, farBehind), drive(t)
	w := work(t, dsn)
	w.follow(t, d, func(int) string { return s.url })
	for range 3 {
		w.more(t, 200)
		before := w.marks()
		s.kill(t)
		w.more(t, 200)
		s.start(t)
		w.awaitResumed(t, before)
	}
	w.more(t, 200)
	w.finish(t, dsn)
}

func TestServerIsReplacedWhileServicesPublish(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d := serve(t, dsn, farBehind), drive(t)
	w := work(t, dsn)
	w.follow(t, d, func(int) string { return s.url })
	for range 2 {
		w.more(t, 200)
		before := w.marks()
		code, _ := s.terminate(t)
		require.Zero(t, code)
		s.start(t)
		w.awaitResumed(t, before)
	}
	w.finish(t, dsn)
}

// Acceptance.
func TestClientsMoveToAnotherNode(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	nodes := []*server{serve(t, dsn, farBehind), serve(t, dsn, farBehind)}
	// Two entrances, each with a preferred node.
	entrances := []*entrance{balance(t, nodes[0], nodes[1]), balance(t, nodes[1], nodes[0])}
	d := drive(t)
	w := work(t, dsn)
	w.follow(t, d, func(i int) string { return entrances[i%2].url })
	for i := range 4 {
		w.more(t, 200)
		before := w.marks()
		victim := nodes[i%2]
		victim.kill(t)
		for j, f := range w.followers {
			if j%2 == i%2 {
				f.await(t, before[j], "to move", func(a arrival) bool { return a.State == "resumed" })
			}
		}
		w.more(t, 200)
		victim.start(t)
		entrances[i%2].prefer(t, victim)
	}
	w.finish(t, dsn)
}

// Acceptance: A-317.
func TestPostgresRestartsWhileServicesPublish(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t, nil)
	dsn := cluster.DSN()
	nodes := []*server{serve(t, dsn, farBehind), serve(t, dsn, farBehind)}
	d := drive(t)
	w := work(t, dsn)
	w.follow(t, d, func(i int) string { return nodes[i%2].url })
	restarts := []struct {
		name string
		stop func() error
	}{
		{"fast", func() error { return nil }}, // Restart itself stops
		{"immediate", func() error { return cluster.Kill(t.Context()) }},
		{"immediate again", func() error { return cluster.Kill(t.Context()) }},
	}
	for _, restart := range restarts {
		w.more(t, 200)
		require.NoError(t, restart.stop(), restart.name)
		require.NoError(t, cluster.Restart(t.Context()), restart.name)
		w.more(t, 100)
		for _, node := range nodes {
			node.awaitReady(t)
		}
	}
	// A client that comes now gets the whole history.
	w.follow(t, d, func(i int) string { return nodes[i%2].url })
	w.finish(t, dsn)
	for i := range nodes {
		code, _ := nodes[i].terminate(t)
		require.Zero(t, code)
	}
}

// TestWhatClientsWereSentOutlivesACrashOfTheDatabase: the events that clients were sent survive a crash even if the
// database is configured to lose its latest commits.
//
// Acceptance: A-317.
func TestWhatClientsWereSentOutlivesACrashOfTheDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t, map[string]string{"synchronous_commit": "off", "wal_writer_delay": "10s"})
	dsn := cluster.DSN()
	s, d := serve(t, dsn), drive(t)
	o := newOrder()
	token := mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}})
	c := d.followed(t, s.url+customerHub, token, "ResumeOrder", o.id)
	for sequence := range 5 {
		id := o.changed(t, produce(t, dsn), "Preparing")
		require.Equal(t, delivery{id, int64(sequence + 1)}, received(c.next(t)))
		require.NoError(t, cluster.Kill(t.Context()))
		require.NoError(t, cluster.Restart(t.Context()))
		log := byGroup(t, cluster.Pool(t), `SELECT group_name, event_id, sequence FROM herald.event_log ORDER BY sequence`)
		require.Contains(t, log["order:"+o.id.String()], delivery{id, int64(sequence + 1)})
	}
}
