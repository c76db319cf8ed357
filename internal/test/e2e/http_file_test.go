package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// fileRequest is a request of an .http file.
type fileRequest struct {
	name, method, path string // path without query

	url, body string
	headers   []string // alternating names and values
}

// readHTTPFile reads requests as the editors' HTTP clients do: "### name", method and URL, headers, an empty line,
// body. "@name = value" sets {{name}} unless values does. It returns the variables as well.
func readHTTPFile(
	t *testing.T, file string, values map[string]string,
) (requests []fileRequest, variables map[string]string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	sections := strings.Split(string(raw), "\n### ")
	variables = map[string]string{}
	for line := range strings.Lines(sections[0]) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(line, "@") {
			variables[strings.TrimSpace(name[1:])] = strings.TrimSpace(value)
		}
	}
	for name, value := range values {
		require.Contains(t, variables, name)
		variables[name] = value
	}
	for _, section := range sections[1:] {
		for name, value := range variables {
			section = strings.ReplaceAll(section, "{{"+name+"}}", value)
		}
		require.NotContains(t, section, "{{")
		head, body, _ := strings.Cut(section, "\n\n")
		lines := strings.Split(strings.TrimSpace(head), "\n")
		r := fileRequest{name: lines[0], body: strings.TrimSpace(body)}
		var ok bool
		r.method, r.url, ok = strings.Cut(lines[1], " ")
		require.True(t, ok, section)
		for _, line := range lines[2:] {
			name, value, ok := strings.Cut(line, ": ")
			require.True(t, ok, line)
			r.headers = append(r.headers, name, value)
		}
		r.path, _, _ = strings.Cut(strings.TrimPrefix(r.url, variables["host"]), "?")
		requests = append(requests, r)
	}
	return requests, variables
}

// the file's requests run unchanged against `herald dev`, and there is one for each operation of the OpenAPI
// document.
//
// Acceptance: A-177.
func TestEveryRequestOfTheHTTPFile(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := &server{process: start(t, settings(db.DSN(), "HERALD_LISTEN="+freeAddress(t)), "dev", "--quiet", "--pace=20ms")}
	s.attend(t)
	requests, variables := readHTTPFile(
		t, "../../../deploy/AdminService.http", map[string]string{"host": s.url, "token": admin(t), "node": nodeOf(t, s)},
	)
	require.True(t, eventually(func() bool { // until the simulated administration has counted
		status, _ := request(t, http.MethodPost, s.url+"/api/admin/realtime/broadcast/user-count", admin(t), "")
		return status == http.StatusOK
	}))
	for _, name := range []string{"deadToRetry", "deadToDrop", "deadToMend"} {
		buryAs(t, db.Pool(t), newOrder(), variables[name])
	}

	for _, r := range requests {
		status, answer := request(t, r.method, r.url, "", r.body, r.headers...)
		require.Equal(t, 2, status/100, "%s: %d %s", r.name, status, answer.body)
	}

	_, answer := request(t, http.MethodGet, s.url+"/openapi.json", "", "")
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(answer.body), &document))
	require.Greater(t, len(document.Paths), 20)
	for path, methods := range document.Paths {
		for method := range methods {
			if method != "parameters" {
				require.True(t, occurs(requests, strings.ToUpper(method), path), "%s %s is not in the file", method, path)
			}
		}
	}
}

// nodeOf returns the id of a server's only node.
func nodeOf(t *testing.T, s *server) string {
	t.Helper()
	status, answer := request(t, http.MethodGet, s.url+"/api/admin/realtime/nodes", admin(t), "")
	require.Equal(t, http.StatusOK, status, answer.body)
	var list struct{ Nodes []struct{ Node string } }
	require.NoError(t, json.Unmarshal([]byte(answer.body), &list))
	require.Len(t, list.Nodes, 1)
	return list.Nodes[0].Node
}

// occurs says whether one of the requests is for the operation, with any values for {eventId} and {node}.
func occurs(requests []fileRequest, method, path string) bool {
	operation := regexp.MustCompile(
		"^" + strings.NewReplacer(`\{eventId\}`, "[^/{}]+", `\{node\}`, "[^/{}]+").Replace(regexp.QuoteMeta(path)) + "$",
	)
	return slices.ContainsFunc(
		requests, func(r fileRequest) bool { return r.method == method && operation.MatchString(r.path) },
	)
}
