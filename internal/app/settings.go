package app

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/jobs"
	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/policy"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/signalr"
)

// The address of hubs and API unless HERALD_LISTEN says otherwise: all interfaces in production, this machine alone
// with a development key.
const (
	ListenDefault    = ":5006"
	ListenDefaultDev = "localhost:5006"
)

// The settings of a node's packages, under names that can stand beside each other.
type (
	// AuditSettings are those of the audit log.
	AuditSettings = auditlog.Settings
	// HubSettings are those of the hubs.
	HubSettings = hubs.Settings
	// SignalRSettings are those of the protocol's server.
	SignalRSettings = signalr.Settings
	// PolicySettings are those of the authorisation of joins.
	PolicySettings = policy.Settings
	// BroadcastSettings are those of the broadcaster.
	BroadcastSettings = broadcast.Settings
	// RelaySettings are those of the relay.
	RelaySettings = relay.Settings
	// JobSettings are those of periodic jobs.
	JobSettings = jobs.Settings
	// APISettings are those of the REST API.
	APISettings = adminapi.Settings
	// PeerSettings are those of the communication between nodes.
	PeerSettings = peers.Settings
)

// Settings is what an operator decides about a node, beside its database and the source of its keys.
type Settings struct {
	Listen                       string        `env:"HERALD_LISTEN" placeholder:"ADDR" help:"Address of hubs and API; localhost is 127.0.0.1 and ::1. Defaults to :5006, of herald dev to localhost:5006."`
	OpsListen                    string        `env:"HERALD_OPS_LISTEN" placeholder:"ADDR" help:"Address of /healthz, /readyz and /metrics. Defaults to the main one."`
	TLSCertFile                  string        `name:"tls-cert-file" env:"HERALD_TLS_CERT_FILE" placeholder:"FILE" help:"Certificate chain (PEM). With HERALD_TLS_KEY_FILE the main address speaks TLS."`
	TLSKeyFile                   string        `name:"tls-key-file" env:"HERALD_TLS_KEY_FILE" placeholder:"FILE" help:"Private key of the certificate (PEM)."`
	ShutdownTimeout              time.Duration `default:"15s" env:"HERALD_SHUTDOWN_TIMEOUT" zero:"refused: connections would be cut off in the middle of what they are sent" placeholder:"DURATION" help:"Time that connections have to leave and to be flushed when the server stops (${default})."`
	MaxUnauthenticated           int           `default:"2000" env:"HERALD_MAX_UNAUTHENTICATED" zero:"unlimited" placeholder:"N" help:"Sockets without a valid token that a listener of each node has at most; 0: no limit (${default})."`
	MaxUnauthenticatedPerAddress int           `default:"100" env:"HERALD_MAX_UNAUTHENTICATED_PER_ADDRESS" zero:"unlimited" placeholder:"N" help:"How many of them one client address, or IPv6 /64, may have, unless it is a trusted proxy; 0: no limit (${default})."`

	HubSettings
	AuditSettings
	SignalRSettings `embed:"" envprefix:"HERALD_"` // package signalr is not Herald's alone: its tags lack the prefix
	PolicySettings
	BroadcastSettings
	JobSettings
	RelaySettings
	APISettings
	PeerSettings
}

// Check reports all wrong settings at once.
//
// It is not named Validate: kong would call a Validate while it parses, and answer a wrong value with the usage of
// the command, even for `herald check`.
func (s Settings) Check() error {
	errs := []error{
		settings.Check(s),
		s.SignalRSettings.Check("HERALD_"), s.PolicySettings.Check(), s.JobSettings.Check(),
		s.RelaySettings.Check(), s.PeerSettings.Check(),
	}
	if (s.TLSCertFile == "") != (s.TLSKeyFile == "") {
		errs = append(errs, errors.New("HERALD_TLS_CERT_FILE and HERALD_TLS_KEY_FILE go together: set both or neither"))
	}
	const smallestQueue = 64 << 10 // one event of the largest size must fit
	if s.QueueBytes > 0 && s.QueueBytes < 2*smallestQueue {
		errs = append(errs,
			fmt.Errorf("HERALD_QUEUE_BYTES is %d: at least %d are needed for the largest event", s.QueueBytes, 2*smallestQueue))
	}
	if s.ShutdownTimeout > 0 && s.ShutdownSpread >= s.ShutdownTimeout {
		errs = append(errs, errors.New("HERALD_SHUTDOWN_SPREAD must be shorter than HERALD_SHUTDOWN_TIMEOUT"))
	}
	return errors.Join(errs...)
}

// TokensInClear says whether tokens cross a network that others can read: without TLS here, without a proxy in
// front that may have ended TLS, and with clients on other machines.
func (s Settings) TokensInClear() bool {
	if s.TLSCertFile != "" || len(s.TrustedProxies) > 0 {
		return false
	}
	host, _, err := net.SplitHostPort(cmp.Or(s.Listen, ListenDefault))
	if err != nil {
		return false // reported elsewhere
	}
	address, err := netip.ParseAddr(host)
	return !strings.EqualFold(host, "localhost") && (err != nil || !address.IsLoopback())
}

// NodeSecure says whether other nodes connect by TLS: to the main address, or to the one for nodes.
func (s Settings) NodeSecure() bool {
	if s.NodeListen == "" {
		return s.TLSCertFile != ""
	}
	return s.NodeCertFile != "" || s.TLSCertFile != "" && !s.NodePlain
}
