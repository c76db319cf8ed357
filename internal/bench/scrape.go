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

// relayWork is how many batches a server's relay has committed, and how long they took together.
type relayWork struct {
	batches, seconds float64
}

// scrape reads the relay's work from the server's metrics.
func scrape(ctx context.Context, url string) (relayWork, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return relayWork{}, fmt.Errorf("reading the server's metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return relayWork{}, fmt.Errorf("reading the server's metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var work relayWork
	found := 0
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		var into *float64
		switch name {
		case "herald_relay_batch_duration_seconds_count":
			into = &work.batches
		case "herald_relay_batch_duration_seconds_sum":
			into = &work.seconds
		default:
			continue
		}
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return relayWork{}, fmt.Errorf("reading the server's metrics: %w", err)
		}
		found++
	}
	if err := lines.Err(); err != nil {
		return relayWork{}, fmt.Errorf("reading the server's metrics: %w", err)
	}
	if found != 2 { //nolint:mnd // the two above
		return relayWork{}, errors.New("the server's metrics do not tell how long the relay's batches took: is it a herald, and are its metrics at this address?")
	}
	return work, nil
}

// meanSince is the mean duration of a batch since before, in milliseconds.
func (w relayWork) meanSince(before relayWork) float64 {
	if w.batches == before.batches {
		return 0
	}
	return (w.seconds - before.seconds) / (w.batches - before.batches) * float64(time.Second/time.Millisecond)
}
