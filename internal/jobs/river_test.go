package jobs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A new version of River may change its tables: everything that would have to follow is in one place.
func TestRiversTablesAreNamedInOneFile(t *testing.T) {
	t.Parallel()
	const root = "../.."
	var named []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() &&
			(name == "node_modules" || name == "migrations" || name == "e2e" || name == "pgtest" ||
				strings.HasPrefix(name, ".") && path != root):
			return filepath.SkipDir
		case strings.HasSuffix(name, "_test.go") || !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".sql"):
			return nil
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "river_job") || strings.Contains(string(text), "river_queue") ||
			strings.Contains(string(text), "river_leader") {
			named = append(named, filepath.Base(path))
		}
		return err
	}))
	require.Equal(t, []string{"river.go"}, named, `write herald.river_job as "+ riverJobs +"`)
}
