package postgres

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// installed makes a directory that looks like an installation of each of the major versions, and returns it.
func installed(t *testing.T, majors ...int) string {
	t.Helper()
	root := t.TempDir()
	for _, major := range majors {
		bin := filepath.Join(root, strconv.Itoa(major), "bin")
		require.NoError(t, os.MkdirAll(bin, 0o755))
		script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %d.1 (Debian %d.1-1)'\n", major, major)
		require.NoError(t, os.WriteFile(filepath.Join(bin, "postgres"), []byte(script), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(bin, "initdb"), []byte(script), 0o755))
	}
	return root
}

// Acceptance.
func TestFindBinaries(t *testing.T) {
	t.Parallel()
	path, usual := installed(t, 14, 16), installed(t, 9, 15, 17, 19)
	places := [][]string{{path + "/*/bin"}, {usual + "/*/bin"}}
	for name, c := range map[string]struct {
		places [][]string
		major  int
		want   string // "" none
	}{
		"the first place before a newer version":  {places, 0, path + "/16/bin"},
		"the newest that is supported":            {places[1:], 0, usual + "/17/bin"},
		"the version that made the data":          {places, 15, usual + "/15/bin"},
		"never another than the one that made it": {places, 18, ""},
		"nothing where there is nothing":          {[][]string{{"/nonexistent"}, {""}}, 0, ""},
		"a client alone is not a server":          {[][]string{{t.TempDir()}}, 0, ""},
		"never an unsupported version":            {places, 19, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := findBinaries(t.Context(), c.places, c.major)
			if c.want == "" {
				require.ErrorIs(t, err, errNoBinaries)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, b.dir)
		})
	}
}

// Acceptance.
func TestNamedBinaries(t *testing.T) {
	t.Parallel()
	root := installed(t, 14, 16)
	b, err := namedBinaries(t.Context(), root+"/16/bin", 0)
	require.NoError(t, err)
	require.Equal(t, 16, b.major)
	b, err = namedBinaries(t.Context(), root+"/16", 16)
	require.NoError(t, err, "the installation's root")
	require.Equal(t, root+"/16/bin", b.dir)

	_, err = namedBinaries(t.Context(), root+"/14/bin", 0)
	require.ErrorContains(t, err, "15 to 18 are supported")
	_, err = namedBinaries(t.Context(), root+"/16/bin", 15)
	require.ErrorContains(t, err, "the data was made by 15")
	_, err = namedBinaries(t.Context(), root+"/none", 0)
	require.ErrorContains(t, err, "HERALD_POSTGRES_BIN has no PostgreSQL server binaries")
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"postgres (PostgreSQL) 17":                               0,
		"postgres (EnterpriseDB) 17.1\n":                         0,
		"":                                                       0,
	} {
		major, err := parseVersion(text)
		if want == 0 {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, major, text)
	}
}

// repository serves the test's binaries as Maven Central serves PostgreSQL's: an archive in a jar, with its checksum.
func repository(t *testing.T, checksum func([]byte) string) string {
	t.Helper()
	archive, err := os.ReadFile("testdata/binaries.txz")
	require.NoError(t, err)
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	f, err := w.Create("postgres-linux-x86_64.txz")
	require.NoError(t, err)
	_, err = f.Write(archive)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(checksum(jar.Bytes())))
			return
		}
		_, _ = w.Write(jar.Bytes())
	}))
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections) // the downloader uses the default client
	return server.URL
}

func sum(jar []byte) string {
	digest := sha256.Sum256(jar)
	return hex.EncodeToString(digest[:])
}

// Acceptance: A-417.
func TestDownload(t *testing.T) {
	t.Parallel()
	c := &Cluster{home: home{t.TempDir()}, config: ClusterConfig{Repository: repository(t, sum)}.withDefaults()}
	b, err := c.download(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, binaries{dir: c.home.path(binariesDir + "/18/bin"), major: 18}, b)
	info, err := os.Stat(b.path("initdb"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm(), "every user can run it")
	left, err := filepath.Glob(c.home.path("download-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Acceptance: A-417.
func TestDownloadRefusesAWrongChecksum(t *testing.T) {
	t.Parallel()
	c := &Cluster{home: home{t.TempDir()}, config: ClusterConfig{
		Repository: repository(t, func([]byte) string { return sum(nil) }),
	}.withDefaults()}
	_, err := c.download(t.Context(), 0)
	require.ErrorContains(t, err, "checksums do not match")
}

func TestDownloadFromNowhere(t *testing.T) {
	t.Parallel()
	c := &Cluster{home: home{t.TempDir()}, config: ClusterConfig{Repository: "http://127.0.0.1:1"}.withDefaults()}
	_, err := c.download(t.Context(), 15)
	require.ErrorContains(t, err, "unable to connect")
}

// A machine without PostgreSQL downloads one by itself, and only once.
//
// Acceptance: A-418.
func TestWhereNothingIsFoundItIsDownloaded(t *testing.T) {
	t.Parallel()
	c := &Cluster{home: home{t.TempDir()}, config: ClusterConfig{Repository: repository(t, sum)}.withDefaults()}
	nowhere := [][]string{nil, {filepath.Join(t.TempDir(), "*", "bin")}} // an empty PATH, and no package
	want := binaries{dir: c.home.path(binariesDir + "/18/bin"), major: 18}
	b, err := c.findOrDownload(t.Context(), nowhere, 0)
	require.NoError(t, err)
	require.Equal(t, want, b)

	c.config.Repository = "http://127.0.0.1:1"
	b, err = c.findOrDownload(t.Context(), nowhere, 18)
	require.NoError(t, err, "it is there already")
	require.Equal(t, want, b)
	_, err = c.findOrDownload(t.Context(), nowhere, 17)
	require.ErrorContains(t, err, "HERALD_POSTGRES_BIN")
}
