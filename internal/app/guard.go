package app

import (
	"context"
	"time"
)

// guard puts a door before each listener: the operator's listener has places of its own, so that health is answered
// when the clients' places are taken.
func (a *App) guard(ctx context.Context) error {
	s := a.cfg.Server
	checkOpenFiles(ctx, a.logger, s)
	tellOfClearTokens(ctx, a.logger, s)
	cfg := doorConfig{
		most: s.MaxUnauthenticated, mostPerAddress: s.MaxUnauthenticatedPerAddress, proxies: s.Proxies(), idle: socketIdle,
		stale: socketStale, rush: socketRush,
		now: time.Now, logger: a.logger,
		turnedAway:   func(reason string) { a.metrics.socketsRefused.WithLabelValues(reason).Inc() },
		acceptFailed: a.metrics.acceptErrors.Inc,
	}
	doors := []*door{newDoor(cfg)}
	for i, socket := range a.mainSockets {
		a.mainSockets[i] = doors[0].guard(a.main, socket)
	}
	if a.ops != nil {
		doors = append(doors, newDoor(cfg))
	}
	for i, socket := range a.opsSockets {
		a.opsSockets[i] = doors[1].guard(a.ops, socket)
	}
	if a.forNodes != nil {
		forNodes := cfg
		forNodes.mostPerAddress = 0 // nodes come from few addresses
		doors = append(doors, newDoor(forNodes))
	}
	for i, socket := range a.nodeSockets {
		a.nodeSockets[i] = doors[len(doors)-1].guard(a.forNodes, socket)
	}
	a.metrics.gaugeFunc("unauthenticated_sockets", "Sockets that have shown no valid token yet.", func() float64 {
		count := 0
		for _, d := range doors {
			count += d.counted()
		}
		return float64(count)
	})
	return nil
}
