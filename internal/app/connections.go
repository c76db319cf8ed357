package app

import (
	"slices"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/signalr"
)

// connections are this node's, for administrators. They are not indexed: each question looks at every connection
// once.
type connections struct{ *App }

const textDisconnected = "An administrator has closed the connection."

// List implements [adminapi.Connections].
func (a connections) List(filter adminapi.ConnectionFilter, after string, limit int) []adminapi.Connection {
	// The first matches, and as many again: the slice is sorted and cut when it is full, so that it never holds all of
	// a node's connections.
	first := make([]*signalr.Conn, 0, 2*limit)
	prune := func() {
		slices.SortFunc(first, func(x, y *signalr.Conn) int { return strings.Compare(x.ID(), y.ID()) })
		first = slices.Compact(first)
		clear(first[min(limit, len(first)):])
		first = first[:min(limit, len(first))]
	}
	last := "" // connections behind it are not wanted
	a.signalr.Each(func(c *signalr.Conn) {
		if id := c.ID(); id <= after || last != "" && id >= last || !c.Greeted() || !a.fits(c, filter) {
			return
		}
		if first = append(first, c); len(first) == cap(first) {
			if prune(); len(first) == limit {
				last = first[limit-1].ID()
			}
		}
	})
	prune()
	host := hostname()
	list := make([]adminapi.Connection, len(first))
	for i, c := range first {
		list[i] = a.describe(c, host)
	}
	return list
}

func (a connections) fits(c *signalr.Conn, filter adminapi.ConnectionFilter) bool {
	return (filter.ConnectionID == "" || c.ID() == filter.ConnectionID) &&
		(filter.User == "" || c.User().ID() == filter.User) &&
		(filter.Group.IsZero() || a.broadcaster.Joined(c, filter.Group)) && c.Context().Err() == nil
}

func (a connections) describe(c *signalr.Conn, host string) adminapi.Connection {
	joined := a.broadcaster.Groups(c)
	groups := make([]string, len(joined))
	for i, g := range joined {
		groups[i] = g.String()
	}
	slices.Sort(groups)
	one := adminapi.Connection{
		ConnectionID: c.ID(), Hub: a.hubs.Path(c.Hub().Name()), User: c.User().ID(), Node: a.nodeID, Host: host,
		Transport:   c.Transport(),
		ConnectedAt: c.OpenedAt().UTC().Truncate(time.Millisecond), MoreGroups: max(0, len(groups)-adminapi.GroupsListed),
	}
	one.Groups = groups[:len(groups)-one.MoreGroups]
	if address := c.RemoteAddr(); address.IsValid() {
		one.Address = address.String()
	}
	return one
}

// Disconnect implements [adminapi.Connections]. A connection before its handshake is in no group, but belongs to
// its user and is closed too.
func (a connections) Disconnect(filter adminapi.ConnectionFilter, reconnect bool) (count int) {
	a.signalr.Each(func(c *signalr.Conn) {
		if a.fits(c, filter) && c.TryClose(signalr.Disconnected, textDisconnected, reconnect) {
			count++
		}
	})
	return count
}
