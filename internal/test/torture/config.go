package torture

import (
	"context"
	"io"
	"time"
)

// Database is the PostgreSQL server of a run, with one migrated database.
type Database interface {
	// DSN is the migrated database's URL. It stays the same over Restart.
	DSN() string
	// Restart stops the server in order if it runs, and starts it again.
	Restart(ctx context.Context) error
	// Kill ends the server as a crash would.
	Kill(ctx context.Context) error
}

// Config is how large a run is. All fields are required, but for Rate and Balanced.
type Config struct {
	Binary   string // the herald under test
	Driver   string // the folder of driver.mjs, where @microsoft/signalr is installed
	Database Database
	Dir      string    // for the nodes' logs
	Out      io.Writer // for the progress

	Seed   uint64
	Events int64 // how many are to be committed
	Rate   int   // of events per second. Defaults to unlimited.
	Faults int

	Nodes, Writers, Clients, NodeClients int

	// Balanced sends the requests of every second client through a balancer, each request to the next node; of the
	// clients under Node through it, every second polls or has an event stream. Else a client stays with the node that
	// it prefers.
	Balanced bool

	LongTransaction time.Duration // how long the long transaction is open
	LongestFault    time.Duration // the longest time that a node is frozen, a client stuck, a network silent
	Patience        time.Duration // the longest time until everything is at rest in the end
}

// The settings of every node: little memory for missed events, so that clients read them from the log; short
// time-outs, so that a frozen node loses its clients; and no limits on the one user and address that all clients
// share.
func settings(dsn string) []string {
	return []string{
		"HERALD_DATABASE_URL=" + dsn,
		"HERALD_JWT_SECRET=" + secret,
		"HERALD_LISTEN=127.0.0.1:0",
		"HERALD_TRUSTED_PROXIES=127.0.0.1",
		"HERALD_LOG_FORMAT=json",
		"HERALD_FEATURE_TEAMCART=true",
		"HERALD_RING_BYTES=262144",
		"HERALD_QUEUE_BYTES=131072",
		"HERALD_REPLAY_LIMIT=100000000", // a client that is far behind reports no gap
		"HERALD_KEEP_ALIVE=1s",
		"HERALD_CLIENT_TIMEOUT=10s",
		"HERALD_SHUTDOWN_SPREAD=500ms",
		// a polling client may be gone silently; the node waits 5 s for its last poll
		"HERALD_SHUTDOWN_TIMEOUT=10s",
		"HERALD_MAX_CONNECTIONS_PER_USER=0",
		"HERALD_MAX_CONNECTIONS_PER_ADDRESS=0", "HERALD_MAX_UNAUTHENTICATED_PER_ADDRESS=0",
		"HERALD_NEGOTIATION_RATE=0",
	}
}
