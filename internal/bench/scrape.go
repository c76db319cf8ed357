package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const scrapeTimeout = 5 * time.Second

// metrics is what a server says of itself, by the series' name with its labels.
type metrics map[string]float64

// rememberedFor is how long a server gives the same metrics again, and a little more.
const rememberedFor = 1100 * time.Millisecond

// scrapeAnew reads a server's metrics as they are now.
func scrapeAnew(ctx context.Context, url string) (metrics, error) {
	if err := wait(ctx, rememberedFor); err != nil {
		return nil, err
	}
	return scrape(ctx, url)
}

// scrape reads a server's metrics, which may be a second old.
func scrape(ctx context.Context, url string) (metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("reading the server's metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the server's metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	m := metrics{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if m[lines.Text()[:at]], err = strconv.ParseFloat(lines.Text()[at+1:], 64); err != nil {
			return nil, fmt.Errorf("reading the server's metrics: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the server's metrics: %w", err)
	}
	if _, ok := m[batchCount]; !ok {
		return nil, errors.New("the server's metrics do not tell how long the relay's batches took: is it a herald, and are its metrics at this address?")
	}
	return m, nil
}

// Series that the benches read. The first is there from the start.
const (
	batchCount        = "herald_relay_batch_duration_seconds_count"
	batchSeconds      = "herald_relay_batch_duration_seconds_sum"
	broadcastPosition = "herald_broadcast_position"
	resumedFromRing   = `herald_resumes_total{source="ring",status="resumed"}`
	resumedFromLog    = `herald_resumes_total{source="log",status="resumed"}`
	connectionsOfHub  = `herald_connections{hub="` + hubPath + `"}`
	goroutines        = "go_goroutines"
	collections       = "go_gc_duration_seconds_count"
)

// batchMeanSince is the mean duration of a relay's batch since before, in milliseconds.
func (m metrics) batchMeanSince(before metrics) float64 {
	batches := m[batchCount] - before[batchCount]
	if batches == 0 {
		return 0
	}
	return (m[batchSeconds] - before[batchSeconds]) / batches * float64(time.Second/time.Millisecond)
}
