package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Package adminapi checks its own routes against the document; these are the node's.
func TestEveryRouteOfTheNodeIsInTheOpenAPIDocument(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../adminapi/openapi.json")
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(raw, &document))
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	served := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`\.Handle(?:Func)?\("(?:(\w+) )?(/[^"]*)"`).FindAllStringSubmatch(
			string(source), -1) {
			served[m[2]] = true
			if m[2] != "/api/" {
				require.Contains(t, document.Paths[m[2]], strings.ToLower(m[1]), m[0])
			}
		}
	}
	require.True(t, served["/api/"])
	for path := range document.Paths {
		if !strings.HasPrefix(path, "/api/") && path != "/openapi.json" {
			require.True(t, served[path], path)
		}
	}
}
