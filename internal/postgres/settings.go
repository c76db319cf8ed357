package postgres

import "time"

// Settings says where the data is.
type Settings struct {
	DatabaseURL string `env:"HERALD_DATABASE_URL" placeholder:"URL" help:"PostgreSQL to use, as a URL or key=value pairs. Without it an embedded one is started."`
	DataDir     string `default:".herald" env:"HERALD_DATA_DIR" placeholder:"DIR" help:"Where the embedded PostgreSQL keeps its data (${default})."`
	PostgresBin string `env:"HERALD_POSTGRES_BIN" placeholder:"DIR" help:"Folder of the PostgreSQL server binaries. Defaults to what is on PATH or in the usual places."`
}

// ListenSettings is the connection for notifications.
type ListenSettings struct {
	ListenDatabaseURL string `env:"HERALD_LISTEN_DATABASE_URL" placeholder:"URL" help:"PostgreSQL for LISTEN and for migrations, where HERALD_DATABASE_URL leads to a pooler. Defaults to HERALD_DATABASE_URL."`
}

// WaitSettings is how long a command waits for its database. A server waits for ever.
type WaitSettings struct {
	Wait time.Duration `default:"10s" env:"HERALD_WAIT" zero:"off" placeholder:"DURATION" help:"How long to wait for a database that cannot be used yet; 0: not at all (${default})."`
}
