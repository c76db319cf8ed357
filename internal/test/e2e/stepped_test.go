package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/child"
)

// A Go program reads the clock without the C library, so no preloaded library can shift its clock, and Linux has no
// namespace for the wall clock. So these tests build herald with another package time, whose wall clock differs from
// the machine's by the offset in a file. All code in the process has that clock, libraries included. Its monotonic
// clock is right, as on a machine whose clock is set.
const (
	steppedNow  = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	steppedHook = "\tsec += steppedBy\n"
	steppedFile = `package time

import "syscall"

var (
	steppedPath, _ = syscall.Getenv("STEPPED_CLOCK")
	steppedBy      int64
)

func init() {
	if steppedPath == "" {
		return
	}
	steppedRead()
	go func() { // the time is asked for where no file can be read
		for {
			Sleep(20 * Millisecond)
			steppedRead()
		}
	}()
}

func steppedRead() {
	fd, err := syscall.Open(steppedPath, syscall.O_RDONLY, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	var text [20]byte
	n, _ := syscall.Read(fd, text[:])
	by, sign := int64(0), int64(1)
	for _, c := range text[:max(n, 0)] {
		switch {
		case c == '-':
			sign = -1
		case c >= '0' && c <= '9':
			by = 10*by + int64(c-'0')
		}
	}
	steppedBy = sign * by
}
`
)

// stepped builds that herald once, and returns its path. The build compiles all of Herald's dependencies; the build
// cache has them the next time.
var stepped = sync.OnceValues(func() (build string, err error) {
	dir := filepath.Dir(binary)
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	now, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	changed := strings.Replace(string(now), steppedNow, steppedNow+steppedHook, 1)
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range map[string]string{"time.go": changed, "stepped.go": steppedFile} {
		overlay["Replace"][filepath.Join(source, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	encoded, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), encoded, 0o600); err != nil {
		return "", err
	}
	build = filepath.Join(dir, "herald-stepped")
	return build, child.BuildHerald(build, "-overlay", filepath.Join(dir, "overlay.json"))
})

// clock is the clock of one process.
type clock struct{ path string }

// step changes its offset from the machine's clock at once.
func (c clock) step(t *testing.T, by time.Duration) {
	t.Helper()
	next := c.path + ".next" // a reader never sees a part of the file
	require.NoError(t, os.WriteFile(next, []byte(strconv.Itoa(int(by.Seconds()))), 0o600))
	require.NoError(t, os.Rename(next, c.path))
}

// serveStepped starts a server whose clock is off by this much.
func serveStepped(t *testing.T, dsn string, by time.Duration, env ...string) (*server, clock) {
	t.Helper()
	build, err := stepped()
	require.NoError(t, err)
	c := clock{filepath.Join(t.TempDir(), "clock")}
	c.step(t, by)
	s := &server{env: append(settings(dsn, "HERALD_LISTEN="+freeAddress(t), "STEPPED_CLOCK="+c.path), env...)}
	s.process = startOf(t, build, s.env, "serve")
	s.attend(t)
	return s, c
}
