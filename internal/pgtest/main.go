package pgtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const stopTimeout = 30 * time.Second

// Main is what TestMain calls: it runs the tests, stops the server, looks for goroutines that the tests left behind, and exits.
func Main(m *testing.M) { goleak.VerifyTestMain(stopping{m}) }

// stopping runs tests and then stops the shared server, before goleak looks.
type stopping struct{ tests *testing.M }

func (s stopping) Run() int {
	code := s.tests.Run()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := shared.stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}
