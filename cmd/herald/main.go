// Command herald relays events from a Postgres outbox to SignalR clients.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/yummyzoom/herald/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
