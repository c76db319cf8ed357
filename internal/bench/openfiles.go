package bench

import "fmt"

// spareFiles is how many files a process has open beside its connections.
const spareFiles = 200

// enoughOpenFiles fails with advice if limit is too low for this many connections.
func enoughOpenFiles(connections int, limit uint64) error {
	need := uint64(max(connections, 0)) + spareFiles
	if need <= limit {
		return nil
	}
	return fmt.Errorf(
		"%d connections need %d open files in a process, and the limit is %d: raise it (in a shell, as root: "+
			"ulimit -Hn %d; in a container: --ulimit nofile=%d; with systemd: LimitNOFILE=%d), or measure fewer connections",
		connections,
		need,
		limit,
		need,
		need,
		need,
	)
}
