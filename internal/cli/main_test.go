package cli_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/yummyzoom/herald/internal/cli"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// asHerald makes the test binary run as herald: commands that start their own program start the test binary.
const asHerald = "HERALD_TEST_BINARY_IS_HERALD"

func TestMain(m *testing.M) {
	if os.Getenv(asHerald) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	for name, value := range map[string]string{
		asHerald: "1",
		// With the race detector a process waits a second at its end, in case of more races.
		"GORACE": "atexit_sleep_ms=0 " + os.Getenv("GORACE"),
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	pgtest.Main(m)
}
