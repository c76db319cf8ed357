package app

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/settings"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

var update = flag.Bool("update", false, "write docs/metrics.md instead of comparing with it")

const metricsHead = `# Metrics

What ` + "`GET /metrics`" + ` tells, beside Go's own and the process's (` + "`go_…`, `process_…`" + `). This page is made from a node that runs by ` + "`make docs`" + `, and a test holds it
against one. What alerts should watch is in [operations](operations.md#what-alerts-should-watch).

| metric | type | by | |
|---|---|---|---|
`

// Every metric that a node registers is on the page.
//
// Acceptance: A-549.
func TestTheMetricsReference(t *testing.T) {
	t.Parallel()
	const path = "../../docs/metrics.md"
	text := metricsReference(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(committed), text, "docs/metrics.md is not what a node tells: run `make docs` and commit it")
}

// described parses client_golang's text of a metric's description, which has no other accessor.
var described = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), unit: "[a-z]*", constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

func metricsReference(t *testing.T) string {
	t.Helper()
	server, tokens := settings.Defaults[Settings](), settings.Defaults[auth.Settings]()
	// whose metrics are those of a node that fetches its keys
	server.Listen, tokens.JWKSURL = "127.0.0.1:0", "http://127.0.0.1:1/keys"
	a, err := New(t.Context(), Config{
		Auth: tokens, Server: server, DatabaseURL: pgtest.New(t).DSN(),
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running) }()
	select {
	case <-a.Serving():
	case err := <-ended:
		require.FailNow(t, "the node ended", "%v", err)
	}
	families, err := a.metrics.registry.Gather()
	require.NoError(t, err)
	stop()
	require.NoError(t, <-ended)

	kinds := map[string]string{}
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	var lines []string
	for _, c := range a.metrics.registry.all {
		for _, d := range descriptions(c) {
			parts := described.FindStringSubmatch(d.String())
			require.NotNil(t, parts, d.String())
			name, err := strconv.Unquote(parts[1])
			require.NoError(t, err)
			help, err := strconv.Unquote(parts[2])
			require.NoError(t, err)
			name = namespace + "_" + name
			kind := kinds[name]
			switch c.(type) {
			case *prometheus.CounterVec:
				kind = "counter"
			case *prometheus.GaugeVec:
				kind = "gauge"
			case *prometheus.HistogramVec:
				kind = "histogram"
			}
			if kind == "" {
				kind = "gauge" // a collector of this package without a value: all of them are gauges
			}
			require.NotEmpty(t, help, name)
			labels := ""
			if parts[3] != "" {
				labels = "`" + strings.ReplaceAll(parts[3], ",", "`, `") + "`"
			}
			lines = append(lines,
				fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, kind, labels, strings.ReplaceAll(help, "|", `\|`)))
		}
	}
	slices.Sort(lines)
	return metricsHead + strings.Join(lines, "")
}

func descriptions(c prometheus.Collector) (all []*prometheus.Desc) {
	ch := make(chan *prometheus.Desc)
	go func() {
		defer close(ch)
		c.Describe(ch)
	}()
	for d := range ch {
		all = append(all, d)
	}
	return all
}
