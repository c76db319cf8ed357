package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// endWithParent makes the kernel shut the server down in order when this process dies without doing so.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// servesData reports whether the process is a PostgreSQL server on the data directory: a server's working directory
// is its data.
func servesData(pid int, data string) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || !strings.HasPrefix(string(comm), "postgres") {
		return false
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil { // a zombie has none
		return false
	}
	if resolved, err := filepath.EvalSymlinks(data); err == nil {
		data = resolved
	}
	return dir == data
}
