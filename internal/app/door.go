package app

import (
	"container/list"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/signalr"
)

const (
	// socketIdle is how long a socket may wait for its next request. A trusted proxy's socket may wait longer: the
	// proxy keeps sockets for later requests, and a socket closed at the moment of its use fails a client.
	socketIdle      = 15 * time.Second
	proxySocketIdle = 2 * time.Minute
	// socketStale is how long a socket without a token keeps its place when a new one needs it. A client shows its
	// token within a round trip or two, so an attacker who holds sockets open cannot keep others out.
	socketStale = 2 * time.Second
)

// The reasons to turn sockets away.
const (
	socketsFull        = "server"
	socketsFullAddress = "address"
	socketsStale       = "stale"
)

// doorConfig limits the sockets without a token that a listener has.
type doorConfig struct {
	most, mostPerAddress int // 0: no limit
	proxies              []netip.Prefix
	idle, stale, rush    time.Duration
	now                  func() time.Time
	logger               *slog.Logger
	turnedAway           func(reason string)
	acceptFailed         func()
}

// door counts the sockets of a listener that have not shown a valid token yet: sockets that send nothing, send
// slowly, or request paths that need no token. A socket counts from its accept until a request on it carries a
// valid token, or until it is closed. After a valid token it is a user's, which other limits count. Limits count an
// IPv6 /64 as one address. All clients behind a trusted proxy share one address, so a proxy's sockets count for the
// listener's limit only.
//
// At a limit, the oldest counted socket gives its place to the new one if it has held it for two seconds; else the
// new one is closed. If only new sockets were turned away, a few hundred silent ones would keep all clients out. If
// fresh sockets lost their places, a rush of clients would close each socket just before its turn. In a rush the
// listener waits instead, as long as admitted sockets show their tokens; the other sockets wait in the kernel's
// queue.
type door struct {
	cfg doorConfig

	mu      sync.Mutex
	places  map[net.Conn]*place
	waiting *list.List // of *place, oldest first: the counted sockets
	sites   map[netip.Addr]*list.List

	moved chan struct{}            // holds one when a place has become free
	nodes map[netip.Addr]time.Time // addresses of other nodes, and when a node last showed itself there

	stuck    time.Time                // when the last wait for a place was in vain
	stuckFor map[netip.Addr]time.Time // the same by address; entries of about a second

	refusals, failures complaint
}

// place is a socket. The door's lock guards it.
type place struct {
	door      *door
	conn      net.Conn
	site      netip.Addr
	proxy     bool
	node      bool // it has shown that it is another node's
	since     time.Time
	everybody *list.Element // in waiting; nil: the socket no longer counts
	neighbour *list.Element // in its site's list; nil for a proxy's
	idle      *time.Timer   // runs while it waits for a request
	waits     int           // how often it has begun to wait
}

func newDoor(cfg doorConfig) *door {
	return &door{
		cfg: cfg, places: make(map[net.Conn]*place), waiting: list.New(), sites: make(map[netip.Addr]*list.List),
		moved: make(chan struct{}, 1), stuckFor: make(map[netip.Addr]time.Time), nodes: make(map[netip.Addr]time.Time),
	}
}

// nodeRemembered is how long the address of a node is remembered: nodes probe each other more often than that.
const nodeRemembered = time.Minute

// mostNodes bounds the remembered addresses.
const mostNodes = 1024

// welcome marks a socket as another node's: the socket counts no more, and its address is remembered as a node's,
// because a node forwards the requests of many clients.
func (p *place) welcome() {
	d := p.door
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncount(p)
	p.node = true
	now := d.cfg.now()
	if _, known := d.nodes[p.site]; !known && len(d.nodes) >= mostNodes {
		for site, at := range d.nodes {
			if now.Sub(at) > nodeRemembered {
				delete(d.nodes, site)
			}
		}
		if len(d.nodes) >= mostNodes {
			return
		}
	}
	d.nodes[p.site] = now
}

// mostFrom is how many sockets one address may have. A node's address may have half of all, so that neither the
// node nor another client at its address takes the rest. The lock is held.
func (d *door) mostFrom(site netip.Addr) int {
	if at, known := d.nodes[site]; known && d.cfg.now().Sub(at) <= nodeRemembered && d.cfg.mostPerAddress > 0 {
		return max(d.cfg.mostPerAddress, d.cfg.most/2) //nolint:mnd // half
	}
	return d.cfg.mostPerAddress
}

// guard puts the door before a server, which must serve only the listener that is returned.
func (d *door) guard(server *http.Server, socket net.Listener) net.Listener {
	server.ConnState, server.ConnContext, server.IdleTimeout = d.changed, d.mark, proxySocketIdle
	return newDoorListener(socket, d)
}

// origin returns the address that the limits count a socket for, and whether it is a trusted proxy's.
func (d *door) origin(conn net.Conn) (site netip.Addr, proxy bool) {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}, false
	}
	address := at.Addr().Unmap().WithZone("")
	return signalr.Site(address),
		slices.ContainsFunc(d.cfg.proxies, func(n netip.Prefix) bool { return n.Contains(address) })
}

// enter gives conn a place, or says why there is none.
func (d *door) enter(conn net.Conn) (reason string) {
	p := &place{door: d, conn: conn, since: d.cfg.now()}
	p.site, p.proxy = d.origin(conn)
	d.mu.Lock()
	neighbours := d.sites[p.site]
	var stale []*place
	room := func(queue *list.List, most int) bool {
		if most == 0 || queue == nil || queue.Len() < most {
			return true
		}
		oldest, _ := queue.Front().Value.(*place)
		if p.since.Sub(oldest.since) < d.cfg.stale {
			return false
		}
		d.uncount(oldest)
		stale = append(stale, oldest)
		return true
	}
	switch {
	case !p.proxy && !room(neighbours, d.mostFrom(p.site)):
		reason = socketsFullAddress
	case !room(d.waiting, d.cfg.most):
		reason = socketsFull
	default:
		d.count(p)
		d.places[conn] = p
	}
	d.mu.Unlock()
	for _, p := range stale {
		d.turnAway(p.conn, socketsStale)
	}
	if reason != "" {
		d.turnAway(conn, reason)
	}
	return reason
}

// turnAway closes a socket without waiting.
func (d *door) turnAway(conn net.Conn, reason string) {
	defer cut(conn)
	d.cfg.turnedAway(reason)
	n, due := d.refusals.due(d.cfg.now())
	if !due {
		return
	}
	hint := ""
	if reason == socketsFullAddress {
		hint = "if this is a reverse proxy's address, name it in HERALD_TRUSTED_PROXIES"
	}
	d.cfg.logger.WarnContext(context.Background(),
		"sockets that have shown no token are closed: there are as many as may be",
		slog.String("limit", reason), slog.String("last_from", conn.RemoteAddr().String()), slog.Int("sockets", n),
		slog.String("hint", hint))
}

// cut closes the socket below TLS, because a TLS goodbye could wait for the client; it leaves no TIME_WAIT.
func cut(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = conn.Close()
}

// count adds p to the counted sockets. The lock is held.
func (d *door) count(p *place) {
	p.everybody = d.waiting.PushBack(p)
	if p.proxy {
		return
	}
	neighbours := d.sites[p.site]
	if neighbours == nil {
		neighbours = list.New()
		d.sites[p.site] = neighbours
	}
	p.neighbour = neighbours.PushBack(p)
}

// uncount removes p from the counted sockets. The lock is held.
func (d *door) uncount(p *place) {
	if p.everybody == nil {
		return
	}
	d.waiting.Remove(p.everybody)
	p.everybody = nil
	select {
	case d.moved <- struct{}{}:
	default:
	}
	if p.neighbour == nil {
		return
	}
	neighbours := d.sites[p.site]
	neighbours.Remove(p.neighbour)
	p.neighbour = nil
	if neighbours.Len() == 0 {
		delete(d.sites, p.site)
	}
}

// changed is the server's ConnState.
func (d *door) changed(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.places[conn]
	if p == nil {
		return
	}
	if p.idle != nil {
		p.idle.Stop()
		p.idle = nil
	}
	switch state {
	case http.StateIdle:
		if !p.proxy && !p.node {
			p.waits++
			wait := p.waits
			p.idle = time.AfterFunc(d.cfg.idle, func() { p.idled(wait) })
		}
	case http.StateHijacked, http.StateClosed:
		d.uncount(p)
		delete(d.places, conn)
	case http.StateNew, http.StateActive:
	}
}

// idled closes a socket that is still idle.
func (p *place) idled(wait int) {
	p.door.mu.Lock()
	still := p.idle != nil && p.waits == wait
	p.door.mu.Unlock()
	if still {
		_ = p.conn.Close()
	}
}

type placeKey struct{}

// mark is the server's ConnContext.
func (d *door) mark(ctx context.Context, conn net.Conn) context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return context.WithValue(ctx, placeKey{}, d.places[conn])
}

// counted returns how many sockets count.
func (d *door) counted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting.Len()
}

// doorkeeper is a verifier that tells the door of each request whose token is good.
type doorkeeper struct{ *auth.Verifier }

// FromRequest calls the verifier's.
func (k doorkeeper) FromRequest(r *http.Request) (*auth.Principal, error) {
	principal, err := k.Verifier.FromRequest(r)
	if p, _ := r.Context().Value(placeKey{}).(*place); p != nil && err == nil {
		p.door.mu.Lock()
		p.door.uncount(p)
		p.door.mu.Unlock()
	}
	return principal, err
}
