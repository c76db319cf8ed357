package crowd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/signalr"
)

// sticking is the token of the member that reads nothing.
const sticking = "stuck"

const (
	fanHubPath = "/hub"
	// fanSilence is longer than any run, so that neither pings nor time-outs disturb the counting.
	fanSilence = 24 * time.Hour
	// fanWait bounds the wait for members to come and go.
	fanWait = time.Minute
)

// fanGroup is the group that all members join.
var fanGroup = event.TeamCartGroup(uuid.MustParse("5c0b3d2a-6a0e-4a53-9f0c-0b7a3a1f6d11")) //nolint:gochecknoglobals // a constant

// fanHub serves one hub from this process; all its clients join one group.
type fanHub struct {
	url         string
	broadcaster *broadcast.Broadcaster
	joined      chan fanMember
	left        chan *signalr.Conn // stuck members that are gone
	shutDown    context.CancelFunc
	http        *http.Server
	serving     errgroup.Group

	mu      sync.Mutex
	sockets map[string]net.Conn // upgraded and not yet joined, by the client's address
}

// fanMember is a connection with the socket below it.
type fanMember struct {
	*signalr.Conn

	socket net.Conn
}

// anybody is a user named after its token, with the client's end of the socket.
type anybody struct{ token, peer string }

func (a anybody) ID() string         { return a.token }
func (anybody) ExpiresAt() time.Time { return time.Time{} }

func startFanHub(ctx context.Context) (*fanHub, error) {
	h := &fanHub{
		joined: make(chan fanMember, 1), left: make(chan *signalr.Conn, 1), sockets: make(map[string]net.Conn),
	}
	var err error
	if h.broadcaster, err = broadcast.New(
		broadcast.Config{Logger: slog.New(slog.DiscardHandler)}, noHistory{},
	); err != nil {
		return nil, err
	}
	settings := signalr.DefaultSettings()
	settings.KeepAliveInterval, settings.ClientTimeout, settings.WriteTimeout = fanSilence, fanSilence, fanSilence
	settings.MaxConnections, settings.MaxConnectionsPerAddress, settings.NegotiationRate = 0, 0, 0
	server, err := signalr.New(signalr.Config{
		Settings: settings,
		Authenticate: func(r *http.Request) (signalr.User, error) {
			return anybody{r.URL.Query().Get("access_token"), r.RemoteAddr}, nil
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	hub := signalr.NewHub("fanout")
	hub.OnConnected(h.join)
	hub.OnDisconnected(func(c *signalr.Conn, _ error) {
		h.broadcaster.Disconnect(c)
		if c.User().ID() == sticking {
			h.left <- c
		}
	})
	var listen net.ListenConfig
	socket, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	h.url = "http://" + socket.Addr().String() + fanHubPath
	mux := http.NewServeMux()
	mux.Handle(fanHubPath, server.Handler(hub))
	h.http = &http.Server{Handler: mux, ReadHeaderTimeout: fanWait, ConnState: h.capture}
	running, shutDown := context.WithCancel(context.WithoutCancel(ctx))
	h.shutDown = shutDown
	h.serving.Go(func() error { return server.Run(running) })
	h.serving.Go(func() error { return h.http.Serve(socket) })
	return h, nil
}

// capture keeps the socket that is about to become a WebSocket.
func (h *fanHub) capture(socket net.Conn, state http.ConnState) {
	if state == http.StateHijacked {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.sockets[socket.RemoteAddr().String()] = socket
	}
}

func (h *fanHub) join(ctx context.Context, c *signalr.Conn) error {
	if err := h.broadcaster.Subscribe(c, fanGroup, event.WithCursor); err != nil {
		return err
	}
	who, _ := c.User().(anybody)
	h.mu.Lock()
	socket := h.sockets[who.peer]
	delete(h.sockets, who.peer)
	h.mu.Unlock()
	select {
	case h.joined <- fanMember{c, socket}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// nextJoined waits for the next member.
func (h *fanHub) nextJoined(ctx context.Context) (fanMember, error) {
	select {
	case m := <-h.joined:
		return m, nil
	case <-time.After(fanWait):
		return fanMember{}, errors.New("a member that has connected has not joined the group")
	case <-ctx.Done():
		return fanMember{}, context.Cause(ctx)
	}
}

// awaitLeft waits until a stuck member is gone.
func (h *fanHub) awaitLeft(ctx context.Context) error {
	select {
	case <-h.left:
		return nil
	case <-time.After(fanWait):
		return errors.New("a member whose connection is closed has not left the group")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop ends the server and its connections.
func (h *fanHub) stop() {
	_ = h.http.Close()
	h.shutDown()
	_ = h.serving.Wait() // the listener is closed and clients were cut off: such errors are expected
}

// noHistory is a log without events: all members join live.
type noHistory struct{}

func (noHistory) Locate(context.Context, event.Group, uuid.UUID) (int64, error) {
	return 0, eventlog.ErrUnknownEvent
}

func (noHistory) Head(context.Context, event.Group, int64) (uuid.UUID, int64, error) {
	return uuid.Nil, 0, nil
}

func (noHistory) Read(context.Context, event.Group, int64, int64, int, int) ([]event.Logged, error) {
	return nil, nil
}
