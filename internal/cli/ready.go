package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// awaitReady returns when the server answers that it is ready.
func awaitReady(ctx context.Context, url string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, benchReadyTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("asking the server whether it is ready: %w", err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready within %s", benchReadyTimeout)
		case <-ended:
			return errors.New("the server ended before it was ready")
		case <-time.After(benchReadyPoll):
		}
	}
}
