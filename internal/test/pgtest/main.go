package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const stopTimeout = 30 * time.Second

// Main is for TestMain: it runs the tests, stops the server, calls after, looks for goroutines that the tests left
// behind, and exits.
func Main(m *testing.M, after ...func() error) { goleak.VerifyTestMain(stopping{m, after}) }

// stopping runs tests and then stops the shared server, before goleak looks.
type stopping struct {
	tests *testing.M
	after []func() error
}

func (s stopping) Run() int {
	code := s.tests.Run()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := shared.stop(ctx)
	for _, f := range s.after {
		err = errors.Join(err, f())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}
