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

// Metrics holds a server's metrics, by the series' name with its labels.
type Metrics map[string]float64

// rememberedFor is a little longer than a server repeats the same metrics.
const rememberedFor = 1100 * time.Millisecond

// ScrapeAnew reads a server's present metrics.
func ScrapeAnew(ctx context.Context, url string) (Metrics, error) {
	if err := Wait(ctx, rememberedFor); err != nil {
		return nil, err
	}
	return Scrape(ctx, url)
}

// Scrape reads a server's metrics, which may be a second old.
func Scrape(ctx context.Context, url string) (Metrics, error) {
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
	m := Metrics{}
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
	if _, ok := m[BatchCount]; !ok {
		return nil, errors.New(
			"the server's metrics do not tell how long the relay's batches took: is it a herald, and are its metrics at this address?",
		)
	}
	return m, nil
}

// Series that the benches read. The first exists from the start.
const (
	BatchCount        = "herald_relay_batch_duration_seconds_count"
	batchSeconds      = "herald_relay_batch_duration_seconds_sum"
	BroadcastPosition = "herald_broadcast_position"
	ResumedFromRing   = `herald_resumes_total{source="ring",status="resumed"}`
	ResumedFromLog    = `herald_resumes_total{source="log",status="resumed"}`
	ConnectionsOfHub  = `herald_connections{hub="` + HubPath + `"}`
	Goroutines        = "go_goroutines"
	Collections       = "go_gc_duration_seconds_count"
)

// BatchMeanSince is the mean duration of the relay's batches since before, in milliseconds.
func (m Metrics) BatchMeanSince(before Metrics) float64 {
	batches := m[BatchCount] - before[BatchCount]
	if batches == 0 {
		return 0
	}
	return (m[batchSeconds] - before[batchSeconds]) / batches * float64(time.Second/time.Millisecond)
}
