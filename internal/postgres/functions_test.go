package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/migrations"
)

var update = flag.Bool("update", false, "raise the versions of the files in migrations/functions that have changed")

// A file whose functions have changed has a higher version: otherwise a database with the earlier ones would keep
// them.
func TestEveryFileOfFunctionsSaysItsVersion(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(migrations.FS, functionsDir+"/*")
	require.NoError(t, err)
	require.Contains(t, names, typesFile)
	for _, name := range names {
		file, err := fs.ReadFile(migrations.FS, name)
		require.NoError(t, err)
		version, checksum, rest := 0, "", file
		if line := versionLine.FindSubmatch(file); line != nil {
			version, rest, err = cutVersion(name, file)
			require.NoError(t, err)
			checksum = string(line[2])
		}
		sum := sha256.Sum256(rest)
		if want := hex.EncodeToString(sum[:4]); checksum != want {
			comment := "--"
			if filepath.Ext(name) != ".sql" {
				comment = "#"
			}
			first := fmt.Sprintf("%s version %d, checksum %s", comment, version+1, want)
			if *update {
				require.NoError(t,
					os.WriteFile(filepath.Join("../../migrations", name), append([]byte(first+"\n"), rest...), 0o644))
				continue
			}
			require.Failf(t, "a version is missing", "%s has changed: its first line is %q (`make functions` writes it)", name,
				first)
		}
	}
}

// setOf is a set of functions of which one returns answer.
func setOf(version int, answer string) fstest.MapFS {
	files := fstest.MapFS{
		"00001_one.sql": file(
			"CREATE TABLE herald.function_set (singleton boolean PRIMARY KEY DEFAULT true, version integer, checksum text, applied_at timestamptz DEFAULT now());"),
		typesFile: {Data: []byte("# version 1, checksum 0\norder_types = " + answer + "\n")},
	}
	files["functions/one.sql"] = &fstest.MapFile{Data: fmt.Appendf(nil,
		"-- version %d, checksum 0\nCREATE OR REPLACE FUNCTION herald.answer() RETURNS text LANGUAGE sql AS 'SELECT ''@order_types@''';\n", version)}
	return files
}

func TestFunctionsAreAppliedAnewWhenTheyChange(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	pool := openPool(t, c.DSN(), Options{})
	migrate := func(files fs.FS) (applied int, log string) {
		t.Helper()
		var buffer bytes.Buffer
		done, err := Migrate(t.Context(), pool, files, slog.New(slog.NewTextHandler(&buffer, nil)))
		require.NoError(t, err)
		for _, m := range done {
			if m.Line == FunctionsLine {
				applied++
			}
		}
		return applied, buffer.String()
	}
	answer := func() string { return scan[string](t, c.DSN(), "SELECT herald.answer()") }

	require.ErrorIs(t, CheckMigrated(t.Context(), pool, setOf(1, "first")), ErrNotMigrated)
	applied, _ := migrate(setOf(1, "first"))
	require.Equal(t, 1, applied)
	require.Equal(t, "first", answer())
	applied, _ = migrate(setOf(1, "first"))
	require.Zero(t, applied, "they are there")
	require.NoError(t, CheckMigrated(t.Context(), pool, setOf(1, "first")))
	require.False(t,
		scan[bool](t, c.DSN(), "SELECT proacl::text LIKE '%{=X%' OR proacl IS NULL FROM pg_proc WHERE proname = 'answer'"),
		"no function is for all roles")

	// A node of the next release needs its own functions; one that does not migrate says so.
	require.ErrorContains(t, CheckMigrated(t.Context(), pool, setOf(2, "second")), "1 of ")
	_, missing := pending(t, pool, setOf(2, "second"))
	require.Equal(t, 1, missing)
	applied, _ = migrate(setOf(2, "second"))
	require.Equal(t, 1, applied)
	require.Equal(t, "second", answer())

	// A node of the release before leaves them as they are, and works with them.
	applied, log := migrate(setOf(1, "first"))
	require.Zero(t, applied)
	require.Equal(t, "second", answer())
	require.Contains(t, log,
		"level=INFO msg=\"the database has the functions of a newer release, which stay\" version=3 own_version=2")
	require.NoError(t, CheckMigrated(t.Context(), pool, setOf(1, "first")))
	_, missing = pending(t, pool, setOf(1, "first"))
	require.Zero(t, missing)

	// A set under development has no new version yet.
	applied, _ = migrate(setOf(2, "edited"))
	require.Equal(t, 1, applied)
	require.Equal(t, "edited", answer())
}

// A set is applied whole or not at all.
func TestFunctionsAreAppliedInOneTransaction(t *testing.T) {
	t.Parallel()
	c := startCluster(t, ClusterConfig{})
	pool := openPool(t, c.DSN(), Options{})
	_, err := Migrate(t.Context(), pool, setOf(1, "first"), discard())
	require.NoError(t, err)
	broken := setOf(2, "second")
	broken["functions/two.sql"] = &fstest.MapFile{Data: []byte("-- version 1, checksum 0\nSELECT 1/0;\n")}
	_, err = Migrate(t.Context(), pool, broken, discard())
	require.ErrorContains(t, err, "division by zero")
	require.Equal(t, "first", scan[string](t, c.DSN(), "SELECT herald.answer()"))
	require.Equal(t, 2, scan[int](t, c.DSN(), "SELECT version FROM herald.function_set"))
}

func TestFunctionsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(files fstest.MapFS){
		"functions/one.sql does not begin with its version": func(
			files fstest.MapFS,
		) {
			files["functions/one.sql"].Data = []byte("SELECT 1;")
		},
		"event_types.txt has no list @order_types@": func(
			files fstest.MapFS,
		) {
			files[typesFile].Data = []byte("# version 1, checksum 0\n")
		},
		"reading the event types": func(files fstest.MapFS) { delete(files, typesFile) },
	} {
		files := setOf(1, "first")
		change(files)
		_, err := ReadFunctions(files)
		require.ErrorContains(t, err, says)
	}
	set, err := ReadFunctions(migrations.FS)
	require.NoError(t, err)
	version, err := functionsVersion(migrations.FS)
	require.NoError(t, err)
	require.Equal(t, set.Version, version)
	require.False(t, placeholder.MatchString(set.sql))
	require.Contains(t, set.sql, "'{OrderPlaced,")
	require.NotRegexp(t, `[^\x00-\x7f]`, set.sql, "a database of another encoding than UTF-8 takes it, comments included")
}
