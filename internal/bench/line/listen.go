package line

import (
	"context"
	"fmt"
	"time"

	"github.com/yummyzoom/herald/internal/bench"
)

// baselineChannel is the channel of the baselines' NOTIFY.
const baselineChannel = "herald_bench"

// notifications is how many may have arrived without having been read.
const notifications = 1024

// listen listens on the baseline's channel: in practice every NOTIFY has a listener. stop ends it.
func listen(ctx context.Context, dsn string) (stop func(), err error) {
	arrived, stop, err := listenTo(ctx, dsn)
	if err != nil {
		return nil, err
	}
	go func() {
		for range arrived {
		}
	}()
	return stop, nil
}

// notified is one notification that has arrived.
type notified struct {
	payload string
	at      time.Time
}

// listenTo returns the notifications on the baseline's channel. stop ends the listening, and then closes the
// channel.
func listenTo(ctx context.Context, dsn string) (arrived <-chan notified, stop func(), err error) {
	conn, err := bench.Connect(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+baselineChannel); err != nil {
		bench.Disconnect(ctx, conn)
		return nil, nil, fmt.Errorf("listening: %w", err)
	}
	listening, cancel := context.WithCancel(ctx)
	arrivals := make(chan notified, notifications)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(arrivals)
		for {
			n, err := conn.WaitForNotification(listening)
			if err != nil {
				return
			}
			select {
			case arrivals <- notified{n.Payload, time.Now()}:
			case <-listening.Done():
				return
			}
		}
	}()
	return arrivals, func() {
		cancel()
		<-ended
		bench.Disconnect(ctx, conn)
	}, nil
}
