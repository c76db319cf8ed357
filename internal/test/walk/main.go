package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx)
	stop()
	os.Exit(code)
}

func run(ctx context.Context) int {
	from := flag.String("from", ".", "the repository to clone")
	port := flag.Int("port", readmePort, "the first of five ports; other than the README's, commands are told so")
	keep := flag.Bool("keep", false, "keep the folder")
	only := flag.String("only", "", "run the parts whose name contains this")
	flag.Parse()
	dir, err := os.MkdirTemp("", "herald-walk-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "walk:", err)
		return 1
	}
	source, err := filepath.Abs(*from)
	if err != nil {
		fmt.Fprintln(os.Stderr, "walk:", err)
		return 1
	}
	// An unprivileged PostgreSQL and nginx have to find their way.
	_ = os.Chmod(dir, 0o755)
	w := &walk{ctx: ctx, dir: dir, clone: filepath.Join(dir, "herald"), source: source, port: *port}
	defer func() {
		w.stopAll()
		if *keep {
			fmt.Println("kept:", dir)
			return
		}
		_ = os.RemoveAll(dir)
	}()
	w.part("clone", w.cloning)
	for _, p := range []struct {
		name string
		walk func(*walk)
	}{{"try it", (*walk).trying}, {"a database of one's own", (*walk).operating}} {
		if strings.Contains(p.name, *only) {
			w.part(p.name, func() { p.walk(w) })
		}
	}
	return w.verdict()
}

// walk is one walk.
type walk struct {
	ctx    context.Context
	dir    string // the empty folder
	clone  string // Herald in it
	source string
	port   int

	running []*process
	steps   int
	failed  []string
	left    []string // out
}

// errStep ends a part: its step has failed and been told of.
var errStep = errors.New("a step has failed")

// part runs steps that build upon each other: one that fails ends it.
func (w *walk) part(name string, steps func()) {
	fmt.Printf("\n== %s\n", name)
	defer w.stopAll()
	defer func() {
		if reason := recover(); reason != nil && reason != errStep { //nolint:errorlint // it is thrown as it is
			panic(reason)
		}
	}()
	steps()
}

// step runs one step.
func (w *walk) step(name string, do func() error) {
	w.steps++
	fmt.Printf("\n%2d. %s\n", w.steps, name)
	began := time.Now()
	err := do()
	switch took := time.Since(began).Round(100 * time.Millisecond); {
	case err == nil:
		fmt.Printf("    ok, %v\n", took)
	case errors.Is(err, errLeftOut):
		w.left = append(w.left, fmt.Sprintf("%d. %s: %v", w.steps, name, err))
		fmt.Printf("    %v\n", err)
	default:
		w.failed = append(w.failed, fmt.Sprintf("%d. %s: %v", w.steps, name, firstLine(err.Error())))
		fmt.Printf("    FAILED after %v: %s\n", took, indent(err.Error()))
		for _, p := range w.running {
			fmt.Printf("    what `%s` has said last:\n    %s\n", p.command, indent(p.tail()))
		}
		panic(errStep)
	}
}

// errLeftOut is why a step is not there.
var errLeftOut = errors.New("left out")

func leftOut(why string) error { return fmt.Errorf("%w: %s", errLeftOut, why) }

// verdict says how it went, and returns the exit code.
func (w *walk) verdict() int {
	fmt.Printf("\n== verdict\n\n")
	for _, name := range w.left {
		fmt.Println("left out:", name)
	}
	for _, name := range w.failed {
		fmt.Println("FAILED:", name)
	}
	if len(w.failed) > 0 {
		fmt.Printf("the walk stumbled: %d of %d steps failed\n", len(w.failed), w.steps)
		return 1
	}
	fmt.Printf("the walk went without a stumble: %d steps, %d of them left out\n", w.steps, len(w.left))
	return 0
}

// has says whether the clone has a file: a part of Herald.
func (w *walk) has(path string) bool {
	_, err := os.Stat(filepath.Join(w.clone, path))
	return err == nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func indent(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") }
