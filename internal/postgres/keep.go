package postgres

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

const (
	// The rest between the server's end and its next start, doubled each time.
	restartFirst = 500 * time.Millisecond
	restartMost  = 30 * time.Second
	// restartAttempts is how often in a row the server may end, or fail to start: about two minutes.
	restartAttempts = 10
	// steadyAfter is how long a server has to run so that its next end begins a new row.
	steadyAfter = time.Minute
	// lastWords bounds how much is read of the log of a server that has ended.
	lastWords = 16 << 10
)

// Keep watches the server until ctx ends or the server is stopped. A server that ends by itself (killed, its disk
// full) is started again, and its end is logged with the last lines of its log. Where the server has ended or failed
// to start ten times in a row, Keep returns why.
func (c *Cluster) Keep(ctx context.Context) error {
	k := keeper{cluster: c, delay: restartFirst, most: restartMost}
	for {
		p, began := c.running()
		if p == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.done:
		}
		if !c.ended(ctx, p) {
			continue // Herald ended it
		}
		if time.Since(began) > steadyAfter {
			k = keeper{cluster: c, delay: restartFirst, most: restartMost}
		}
		if err := k.restart(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// running returns the server and when it was started; nil where it is stopped.
func (c *Cluster) running() (p *process, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process, c.began
}

// ended logs the end of p, and reports whether p ended by itself.
func (c *Cluster) ended(ctx context.Context, p *process) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != p {
		return false
	}
	c.forget()
	c.config.Logger.ErrorContext(ctx, "the embedded PostgreSQL has ended by itself", slog.Any("error", p.err),
		slog.String("log_file", c.LogFile()), slog.String("last_words", lastLines(c.lastWords())))
	return true
}

// lastWords returns the end of what the server has logged since it was started.
func (c *Cluster) lastWords() string {
	f, err := os.Open(c.LogFile())
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := min(max(c.logBegin, info.Size()-lastWords), info.Size())
	text, _ := io.ReadAll(io.NewSectionReader(f, from, lastWords)) // a part is better than nothing
	return string(text)
}

// keeper counts the ends and starts that follow each other closely.
type keeper struct {
	cluster *Cluster
	delay   time.Duration
	most    time.Duration
	failed  int
}

// restart starts the server again, and retries.
func (k *keeper) restart(ctx context.Context) error {
	for {
		if k.failed++; k.failed > restartAttempts {
			return fmt.Errorf("the embedded PostgreSQL in %s has ended or failed to start %d times in a row; see %s",
				k.cluster.home.dir, restartAttempts, k.cluster.LogFile())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(k.delay):
		}
		k.delay = min(2*k.delay, k.most)
		err := k.cluster.startAgain(ctx)
		if err == nil {
			return nil
		}
		k.cluster.config.Logger.ErrorContext(ctx, "the embedded PostgreSQL does not start", slog.Any("error", err),
			slog.Duration("retry_in", k.delay))
	}
}

// startAgain starts the server on the same port, unless another call has.
func (c *Cluster) startAgain(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil || c.lock == nil {
		return nil
	}
	if err := c.stopOrphan(ctx); err != nil { // what a killed server has left
		return err
	}
	return c.start(ctx, true)
}
