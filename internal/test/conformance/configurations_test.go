package conformance_test

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/signalr"
)

// largestMessage is the largest message that the servers take: the cases send 100 KB, which MessagePack and JSON each
// enlarge.
const largestMessage = 256 << 10

// configurations are the servers, by the path of their hub.
var configurations = map[string]func(*signalr.Config){
	"default":                 nil,
	"guarded":                 nil, // authenticate guards it
	"unwelcoming":             nil, // OnConnected refuses
	"unwelcoming-with-reason": nil,

	// These ping often. Cases that must time out use the first, cases that must not use the second: a busy machine may
	// keep a client from its pings, or from its next poll, for a second or two. The sweeper looks twice a second.
	"brisk": func(c *signalr.Config) {
		c.KeepAliveInterval = 500 * time.Millisecond
		c.ClientTimeout = 2 * time.Second
		c.DisconnectTimeout = time.Second
	},
	"steady": func(c *signalr.Config) {
		c.KeepAliveInterval = 500 * time.Millisecond
		c.ClientTimeout = 5 * time.Second
		c.PollTimeout = 3 * time.Second // a handshake must not take longer: the client takes an empty poll for a broken one
		c.DisconnectTimeout = 8 * time.Second
		c.ReconnectBytes = 16 << 10
	},

	"stateless":          func(c *signalr.Config) { c.NoStatefulReconnect = true },
	"without-websockets": func(c *signalr.Config) { c.Transports = signalr.ServerSentEvents | signalr.LongPolling },
	"events-alone":       func(c *signalr.Config) { c.Transports = signalr.ServerSentEvents },
	"polling-alone":      func(c *signalr.Config) { c.Transports = signalr.LongPolling },

	"limited": func(c *signalr.Config) {
		c.InvocationRate, c.InvocationBurst = 1, 20
		c.MaxConnectionsPerUser = 2
		c.MaximumStreams = 3
	},
}

// newServer runs a server for one case, at a path that the case has chosen, until the case shuts it down or the test
// ends.
func (w *world) newServer(path string) error {
	o, err := w.run(path, func(c *signalr.Config) { c.ShutdownSpread = 0 })
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.own[path] = o
	return nil
}

// run runs a server at path on each node.
func (w *world) run(path string, configure func(*signalr.Config)) (*ownServer, error) {
	all, err := w.serve(path, configure)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &ownServer{cancel: cancel}
	for _, s := range all {
		o.running.Go(func() error { return s.Run(ctx) })
	}
	return o, nil
}

// ownServer is a server that runs, on each node.
type ownServer struct {
	cancel  context.CancelFunc
	running errgroup.Group
}

// stop returns when all clients are gone.
func (o *ownServer) stop() error {
	o.cancel()
	return o.running.Wait()
}

// shutDown returns when all clients are gone.
func (w *world) shutDown(path string) error {
	w.mu.Lock()
	o := w.own[path]
	w.mu.Unlock()
	if o == nil {
		return fmt.Errorf("no such server: %q", path)
	}
	return o.stop()
}

func (w *world) shutDownAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.own {
		_ = o.stop()
	}
}
