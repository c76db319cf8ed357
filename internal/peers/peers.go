package peers

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/settings"
)

// Defaults of [Config].
const (
	DefaultAnswerTimeout = 105 * time.Second
	DefaultProbeInterval = 10 * time.Second
)

// Config says how a node speaks with the others.
type Config struct {
	// Node is this node's id, which no other process ever has.
	Node uuid.UUID

	// Keys are the secrets that the nodes share.
	Keys Keys

	// Now is a clock that all nodes share: the database's.
	Now func() time.Time

	// Refresh reads the register of nodes anew, for a node that is not in the book yet. It is called once a second at
	// most. Defaults to none: the book is then only what [Peers.Learn] received.
	Refresh func(ctx context.Context) ([]Peer, error)

	// Client returns the client of a request and whether it came by TLS, by a trusted proxy's word where there is one.
	Client func(r *http.Request) (address netip.Addr, secure bool)

	// Forwarded marks the context of a request that came from another node.
	Forwarded func(ctx context.Context) context.Context

	// Gone is the error for a forwarding whose node is not there.
	Gone error

	// Roots verify the certificates of other nodes. Defaults to nil: the system's.
	Roots *x509.CertPool

	// Settings is what an operator decides. Where none is set, they are the defaults.
	Settings

	// WriteTimeout is how long one write to a client, or to another node, may take.
	WriteTimeout time.Duration

	// AnswerTimeout is how long another node may take to begin its answer: longer than a poll waits.
	// Defaults to 105 s.
	AnswerTimeout time.Duration

	// ProbeInterval is how often each other node is probed. Defaults to 10 s.
	ProbeInterval time.Duration

	// Logger receives failures. Defaults to [slog.Default].
	Logger *slog.Logger

	// Metrics count requests and refusals. Default to metrics that are registered nowhere.
	Metrics *Metrics
}

// Keys are the secrets that the nodes share through the database.
type Keys interface {
	// Newest is the key to sign with; ok is false while there is none.
	Newest() (id int32, secret []byte, ok bool)
	// Find is the key with that id, which another node may have learnt of a moment earlier.
	Find(ctx context.Context, id int32) (secret []byte, ok bool)
}

// Outcome is the result of a request that was to be forwarded.
type Outcome string

// The outcomes.
const (
	Answered   Outcome = "answered"    // by the other node
	OwnerGone  Outcome = "gone"        // the other node is no longer registered, or does not answer
	NotReached Outcome = "failed"      // the other node is registered, but cannot be reached
	NoRoom     Outcome = "limit"       // as many as allowed are under way
	ClientLeft Outcome = "client_gone" // before the answer began
	Drained    Outcome = "drained"     // this node stops
	Broken     Outcome = "broken"      // the answer ended in the middle
)

// Refusal is why the entrance refuses a request.
type Refusal string

// The refusals.
const (
	NotSigned    Refusal = "unsigned"   // it carries no node's signature
	WrongKey     Refusal = "signature"  // its key is not the nodes', or it was changed
	OtherNode    Refusal = "other_node" // it is signed for another node
	OtherTime    Refusal = "time"       // it is too old, or from the future
	Replayed     Refusal = "replayed"   // it came before
	TooManyPeers Refusal = "nodes"      // more nodes send than are remembered
)

// Peers is what a node knows of the others, and how it speaks with them. Create it with [New].
type Peers struct {
	cfg       Config
	keys      derived
	transport *http.Transport
	proxy     *httputil.ReverseProxy
	number    atomic.Uint64 // of the last signed request
	replays   replays
	buffers   sync.Pool

	book     book
	silent   silent
	newcomer chan struct{} // holds one when a node has not been probed yet
	found    findings

	mu       sync.Mutex
	under    map[*forwarding]struct{} // under way
	draining bool
	relays   sync.WaitGroup // of WebSockets, which outlive their requests
}

// New returns a node's connections to the others. It opens none, and knows no other node yet.
func New(cfg Config) (*Peers, error) {
	settings.Complete(&cfg.Settings)
	cfg.AnswerTimeout = cmp.Or(cfg.AnswerTimeout, DefaultAnswerTimeout)
	cfg.ProbeInterval = cmp.Or(cfg.ProbeInterval, DefaultProbeInterval)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	if cfg.Node == uuid.Nil || cfg.Keys == nil || cfg.Now == nil || cfg.Client == nil || cfg.Forwarded == nil ||
		cfg.Gone == nil || cfg.WriteTimeout <= 0 {
		return nil, errors.New("peers: Node, Keys, Now, Client, Forwarded, Gone and WriteTimeout are required")
	}
	p := &Peers{
		cfg: cfg, keys: derived{of: cfg.Keys}, transport: newTransport(cfg.Roots, cfg.AnswerTimeout), replays: newReplays(),
		under: map[*forwarding]struct{}{}, newcomer: make(chan struct{}, 1),
	}
	p.buffers.New = func() any { return new([bufferSize]byte) }
	p.proxy = p.newProxy()
	cfg.Metrics.show(p)
	return p, nil
}
