package app

import (
	"net"
	"net/netip"
	"time"
)

const (
	// socketRush is how long the listener waits, in a rush, without a place becoming free, before it gives up.
	// Meanwhile it accepts nothing, so an attacker who wants just that must get it seldom: once in rushInterval for an
	// address, and a tenth of the time for all addresses together.
	socketRush   = 50 * time.Millisecond
	rushInterval = time.Second
	rushShare    = 10
)

// await waits while there is no place for conn and admitted sockets show their tokens.
func (d *door) await(conn net.Conn) {
	site, proxy := d.origin(conn)
	if !d.crowded(site, proxy) || !d.mayWait(site) {
		return
	}
	longest := time.NewTimer(rushShare * d.cfg.rush) // even if places become free
	defer longest.Stop()
	for d.crowded(site, proxy) {
		select {
		case <-d.moved:
		case <-longest.C:
			return
		case <-time.After(d.cfg.rush):
			d.waitedInVain(site)
			return
		}
	}
}

// crowded says whether a limit that counts a socket from site is reached.
func (d *door) crowded(site netip.Addr, proxy bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	neighbours := d.sites[site]
	return d.cfg.most > 0 && d.waiting.Len() >= d.cfg.most ||
		!proxy && neighbours != nil && d.cfg.mostPerAddress > 0 && neighbours.Len() >= d.mostFrom(site)
}

func (d *door) mayWait(site netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.now()
	return now.Sub(d.stuck) >= rushShare*d.cfg.rush && now.Sub(d.stuckFor[site]) >= rushInterval
}

// waitedInVain stores when a wait for site was in vain, and drops entries older than rushInterval, so the map stays
// small.
func (d *door) waitedInVain(site netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.now()
	for other, at := range d.stuckFor {
		if now.Sub(at) >= rushInterval {
			delete(d.stuckFor, other)
		}
	}
	d.stuck, d.stuckFor[site] = now, now
}
