package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
)

// Log is what the process says of itself.
type Log struct {
	LogLevel  string `enum:"debug,info,warn,error" default:"info" env:"HERALD_LOG_LEVEL" help:"Least severe level that is logged: ${enum}."`
	LogFormat string `enum:"text,json" default:"text" env:"HERALD_LOG_FORMAT" help:"Form of log lines: ${enum}."`
}

// Logger returns the logger that the settings describe, writing to standard error.
func (l Log) Logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.LogLevel)); err != nil {
		level = slog.LevelInfo // kong has checked it
	}
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// Database is where the data is.
type Database struct {
	DatabaseURL string `env:"HERALD_DATABASE_URL" placeholder:"URL" help:"PostgreSQL to use, as a URL or key=value pairs. Without it an embedded one is started."`
	DataDir     string `default:".herald" env:"HERALD_DATA_DIR" placeholder:"DIR" help:"Where the embedded PostgreSQL keeps its data (${default})."`
	PostgresBin string `env:"HERALD_POSTGRES_BIN" placeholder:"DIR" help:"Folder of the PostgreSQL server binaries. Defaults to what is on PATH or in the usual places."`
}

// Wait is how long a command waits for its database. A server waits for as long as it takes.
type Wait struct {
	Wait time.Duration `default:"10s" env:"HERALD_WAIT" placeholder:"DURATION" help:"How long to wait for a database that cannot be used yet; 0: not at all (${default})."`
}

// Listen is the connection for notifications.
type Listen struct {
	ListenDatabaseURL string `env:"HERALD_LISTEN_DATABASE_URL" placeholder:"URL" help:"PostgreSQL for LISTEN and for migrations, where HERALD_DATABASE_URL leads to a pooler. Defaults to HERALD_DATABASE_URL."`
}

// Auth says which tokens to believe.
type Auth struct {
	JWTSecret        string        `name:"jwt-secret" env:"HERALD_JWT_SECRET" placeholder:"SECRET" help:"Key of HS256 tokens."`
	JWTSecretFile    string        `name:"jwt-secret-file" env:"HERALD_JWT_SECRET_FILE" placeholder:"FILE" help:"File with keys of HS256 tokens, one a line, the newest first; all are accepted, 16 at most."`
	JWTPublicKeyFile string        `name:"jwt-public-key-file" env:"HERALD_JWT_PUBLIC_KEY_FILE" placeholder:"FILE" help:"PEM file with the public keys of RS256, ES256 or EdDSA tokens, of any mixture, 16 at most."`
	JWKSURL          string        `name:"jwks-url" env:"HERALD_JWKS_URL" placeholder:"URL" help:"Where the issuer publishes its keys (RS256, ES256, EdDSA)."`
	JWKSRefresh      time.Duration `name:"jwks-refresh" default:"15m" env:"HERALD_JWKS_REFRESH" placeholder:"DURATION" help:"Time after which the issuer's keys are fetched anew: so long a key that is gone is still accepted; a new one is fetched when a token names it (${default})."`
	JWTIssuer        string        `name:"jwt-issuer" env:"HERALD_JWT_ISSUER" placeholder:"ISS" help:"Required iss of tokens. Defaults to any."`
	JWTAudience      string        `name:"jwt-audience" env:"HERALD_JWT_AUDIENCE" placeholder:"AUD" help:"Required aud of tokens. Defaults to any."`
	AdminRole        string        `default:"Admin" env:"HERALD_ADMIN_ROLE" placeholder:"ROLE" help:"Role that may use the admin hub and the admin API (${default})."`
}

// HasKey says whether any key is configured.
func (a Auth) HasKey() bool {
	return a.JWTSecret != "" || a.JWTSecretFile != "" || a.JWTPublicKeyFile != "" || a.JWKSURL != ""
}

// Where hubs and API are served unless HERALD_LISTEN says otherwise: on all interfaces in production, and with a development key on this
// machine alone.
const (
	ListenDefault    = ":5006"
	ListenDefaultDev = "localhost:5006"
)

// The values of HERALD_MESSAGEPACK_NAMES.
const (
	MessagePackDotNet = "dotnet"
	MessagePackCamel  = "camel"
)

// Server is how connections are served.
type Server struct {
	Listen               string        `env:"HERALD_LISTEN" placeholder:"ADDR" help:"Address of hubs and API; localhost is 127.0.0.1 and ::1. Defaults to :5006, of herald dev to localhost:5006."`
	OpsListen            string        `env:"HERALD_OPS_LISTEN" placeholder:"ADDR" help:"Address of /healthz, /readyz and /metrics. Defaults to the main one."`
	TLSCertFile          string        `name:"tls-cert-file" env:"HERALD_TLS_CERT_FILE" placeholder:"FILE" help:"Certificate chain (PEM). With HERALD_TLS_KEY_FILE the main address speaks TLS."`
	TLSKeyFile           string        `name:"tls-key-file" env:"HERALD_TLS_KEY_FILE" placeholder:"FILE" help:"Private key of the certificate (PEM)."`
	FeatureTeamcart      bool          `env:"HERALD_FEATURE_TEAMCART" help:"Serve the TeamCart hub."`
	AuditLog             bool          `default:"true" env:"HERALD_AUDIT_LOG" help:"Log who connects, joins a group, broadcasts or decides about a dead letter, a line each; refusals are logged anyway (${default})."`
	AllowedOrigins       []string      `env:"HERALD_ALLOWED_ORIGINS" placeholder:"ORIGIN,…" help:"Origins whose pages may connect, such as https://app.example; http://localhost:* is any port. Defaults to the same origin only, of herald dev to this machine's on any port."`
	AuthorizeFunction    string        `default:"herald.can_subscribe" env:"HERALD_AUTHORIZE_FUNCTION" placeholder:"SCHEMA.NAME" help:"SQL function that answers who may subscribe (${default})."`
	AuthorizeCache       time.Duration `default:"2s" env:"HERALD_AUTHORIZE_CACHE" placeholder:"DURATION" help:"How long that function's yes is remembered, unless access is revoked meanwhile; at most 1m, 0: not at all (${default})."`
	ReplayLimit          int           `default:"1000" env:"HERALD_REPLAY_LIMIT" placeholder:"N" help:"Events that a resume replays at most; further behind is a gap (${default})."`
	RingBytes            int64         `default:"67108864" env:"HERALD_RING_BYTES" placeholder:"BYTES" help:"Memory for recent events, which resumes are answered from (${default})."`
	QueueBytes           int           `default:"1048576" env:"HERALD_QUEUE_BYTES" placeholder:"BYTES" help:"What may wait for one connection before it is closed to resume later (${default})."`
	MessageBytes         int           `default:"32768" env:"HERALD_MESSAGE_BYTES" placeholder:"BYTES" help:"Largest message that a client may send (${default})."`
	KeepAlive            time.Duration `default:"15s" env:"HERALD_KEEP_ALIVE" placeholder:"DURATION" help:"Silence after which a connection is sent a ping (${default})."`
	ClientTimeout        time.Duration `default:"30s" env:"HERALD_CLIENT_TIMEOUT" placeholder:"DURATION" help:"Silence after which a client counts as gone (${default})."`
	HandshakeTimeout     time.Duration `default:"15s" env:"HERALD_HANDSHAKE_TIMEOUT" placeholder:"DURATION" help:"Time that a client has for its handshake (${default})."`
	WriteTimeout         time.Duration `default:"30s" env:"HERALD_WRITE_TIMEOUT" placeholder:"DURATION" help:"Time that one write to a connection may take before it is cut off (${default})."`
	ShutdownTimeout      time.Duration `default:"15s" env:"HERALD_SHUTDOWN_TIMEOUT" placeholder:"DURATION" help:"Time that connections have to leave and to be flushed when the server stops (${default})."`
	Retention            time.Duration `default:"168h" env:"HERALD_RETENTION" placeholder:"DURATION" help:"Time for which events can be replayed and duplicates are recognised, the same on every node; at least 24h (${default})."`
	GroupRetention       time.Duration `default:"2160h" env:"HERALD_GROUP_RETENTION" placeholder:"DURATION" help:"Time for which a group without events keeps its numbering, and an order without events its customer's access (${default})."`
	AnalyticsMinInterval time.Duration `default:"0s" env:"HERALD_ANALYTICS_MIN_INTERVAL" placeholder:"DURATION" help:"How often events of one type are sent to the admins' analytics group at most: of those that come within it the latest wins; 0: all are sent (${default})."`
	StatsInterval        time.Duration `default:"30s" env:"HERALD_STATS_INTERVAL" placeholder:"DURATION" help:"How often changed platform statistics are sent to the admins' analytics group; 0: never (${default})."`
	MessagePackNames     string        `name:"messagepack-names" default:"dotnet" env:"HERALD_MESSAGEPACK_NAMES" placeholder:"dotnet|camel" help:"How members of Herald's own objects are named over MessagePack: dotnet, as a .NET hub's are (OrderId), or camel, as in JSON (orderId) (${default})."`
	ShutdownSpread       time.Duration `default:"5s" env:"HERALD_SHUTDOWN_SPREAD" placeholder:"DURATION" help:"Time over which connections are asked to reconnect when the server stops; few take less (${default})."`

	Limits
	Peers
}

// Check says what is wrong with any setting, as [Limits.Check] does for its own.
//
// It is not named Validate: kong would call it while it parses, and answer a wrong
// value with the usage of the command, `herald check` included.
func (s Server) Check() error {
	var errs []error
	if (s.TLSCertFile == "") != (s.TLSKeyFile == "") {
		errs = append(errs, errors.New("HERALD_TLS_CERT_FILE and HERALD_TLS_KEY_FILE go together: set both or neither"))
	}
	for _, origin := range s.AllowedOrigins {
		if !isOrigin(origin) {
			errs = append(errs, fmt.Errorf("HERALD_ALLOWED_ORIGINS: %q is not an origin such as https://app.example, or http://localhost:* for any port", origin))
		}
	}
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"HERALD_REPLAY_LIMIT", int64(s.ReplayLimit)},
		{"HERALD_RING_BYTES", s.RingBytes},
		{"HERALD_QUEUE_BYTES", int64(s.QueueBytes)},
		{"HERALD_MESSAGE_BYTES", int64(s.MessageBytes)},
		{"HERALD_KEEP_ALIVE", int64(s.KeepAlive)},
		{"HERALD_CLIENT_TIMEOUT", int64(s.ClientTimeout)},
		{"HERALD_HANDSHAKE_TIMEOUT", int64(s.HandshakeTimeout)},
		{"HERALD_WRITE_TIMEOUT", int64(s.WriteTimeout)},
		{"HERALD_SHUTDOWN_TIMEOUT", int64(s.ShutdownTimeout)},
	} {
		if limit.value <= 0 {
			errs = append(errs, fmt.Errorf("%s must be more than zero", limit.name))
		}
	}
	const smallestQueue = 64 << 10 // one event of the largest size must fit
	if s.QueueBytes > 0 && s.QueueBytes < 2*smallestQueue {
		errs = append(errs, fmt.Errorf("HERALD_QUEUE_BYTES is %d: at least %d are needed for the largest event", s.QueueBytes, 2*smallestQueue))
	}
	if s.ClientTimeout > 0 && s.ClientTimeout <= s.KeepAlive {
		errs = append(errs, errors.New("HERALD_CLIENT_TIMEOUT must be longer than HERALD_KEEP_ALIVE"))
	}
	if s.MessagePackNames != MessagePackDotNet && s.MessagePackNames != MessagePackCamel {
		errs = append(errs, fmt.Errorf("HERALD_MESSAGEPACK_NAMES is %q: it must be %s or %s", s.MessagePackNames, MessagePackDotNet, MessagePackCamel))
	}
	if s.ShutdownSpread < 0 {
		errs = append(errs, errors.New("HERALD_SHUTDOWN_SPREAD must not be less than zero"))
	}
	if s.ShutdownTimeout > 0 && s.ShutdownSpread >= s.ShutdownTimeout {
		errs = append(errs, errors.New("HERALD_SHUTDOWN_SPREAD must be shorter than HERALD_SHUTDOWN_TIMEOUT"))
	}
	if s.AnalyticsMinInterval < 0 || s.AnalyticsMinInterval > time.Hour {
		errs = append(errs, fmt.Errorf("HERALD_ANALYTICS_MIN_INTERVAL is %s: it must be from 0 to 1h", s.AnalyticsMinInterval))
	}
	if s.StatsInterval != 0 && s.StatsInterval < time.Second {
		errs = append(errs, fmt.Errorf("HERALD_STATS_INTERVAL is %s: it must be 0 or at least 1s", s.StatsInterval))
	}
	const longestCache = time.Minute
	if s.AuthorizeCache < 0 || s.AuthorizeCache > longestCache {
		errs = append(errs, fmt.Errorf("HERALD_AUTHORIZE_CACHE is %s: it must be between 0 and 1m", s.AuthorizeCache))
	}
	const shortestRetention = 24 * time.Hour // whole days are dropped
	if s.Retention < shortestRetention {
		errs = append(errs, fmt.Errorf("HERALD_RETENTION is %s: it must be at least 24h", s.Retention))
	}
	if s.GroupRetention < s.Retention {
		errs = append(errs, fmt.Errorf("HERALD_GROUP_RETENTION is %s: it must be at least HERALD_RETENTION, which is %s",
			s.GroupRetention, s.Retention))
	}
	return errors.Join(append(errs, s.Limits.Check(), s.checkPeers())...)
}

// TokensInClear says whether tokens come over a network that anybody on the way can read: neither TLS here nor a proxy in front that may have
// ended it, and clients elsewhere than on this machine.
func (s Server) TokensInClear() bool {
	if s.TLSCertFile != "" || len(s.TrustedProxies) > 0 {
		return false
	}
	host, _, err := net.SplitHostPort(cmp.Or(s.Listen, ListenDefault))
	if err != nil {
		return false // it is told elsewhere
	}
	address, err := netip.ParseAddr(host)
	return !strings.EqualFold(host, "localhost") && (err != nil || !address.IsLoopback())
}

// isOrigin says whether text is one origin: a scheme and a host in ASCII, as browsers write them, with or without a port, or with * for any.
func isOrigin(text string) bool {
	text, wild := strings.CutSuffix(text, ":*")
	u, err := url.Parse(text)
	return err == nil && (!wild || u.Port() == "") && u.Hostname() != "" && strings.EqualFold(text, u.Scheme+"://"+u.Host) &&
		!strings.ContainsFunc(text, func(c rune) bool { return c == '*' || c > unicode.MaxASCII })
}
