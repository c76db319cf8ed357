package relay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/internal/test/counted"
)

func TestFailuresAreCounted(t *testing.T) {
	t.Parallel()
	counts, tried := prometheus.NewRegistry(), make(chan struct{}, 1)
	b := setup(t, func(cfg *relay.Config) {
		cfg.Metrics = relay.NewMetrics(counts)
		cfg.Connect = func(context.Context) (*pgx.Conn, error) {
			signal(tried)
			return nil, errors.New("there is no database")
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.relay.Run(ctx) }()
	for range 3 {
		<-tried
	}
	require.Eventually(t, func() bool { return counted.Of(counts, "relay_failures_total") >= 2 }, 10*time.Second,
		time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.Zero(t, counted.Of(counts, "relay_rows_total"))
}
