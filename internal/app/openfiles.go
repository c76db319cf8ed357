package app

import (
	"context"
	"fmt"
	"log/slog"
)

// spareFiles is how many files a node has open beside its clients' sockets: the database's connections, listeners,
// its own binary.
const spareFiles = 200

// socketsForwarded is how many sockets a request for another node takes: its client's, and the one to the other
// node.
const socketsForwarded = 2

// checkOpenFiles warns where the process may open fewer sockets than the limits on clients allow. Go has already
// raised the process's limit as far as it may.
func checkOpenFiles(ctx context.Context, logger *slog.Logger, l Settings) {
	if text := OpenFilesAdvice(l); text != "" {
		limit, _ := openFiles()
		logger.WarnContext(ctx,
			"the process may have too few files open for the connections that HERALD_MAX_CONNECTIONS lets in",
			slog.Uint64("open_files_limit", limit), slog.Int("max_connections", l.MaxConnections), slog.String("advice", text))
	}
}

// OpenFilesAdvice says what to do where this process may open fewer files than the limits allow sockets; else it is
// empty.
func OpenFilesAdvice(l Settings) string {
	limit, known := openFiles()
	if !known {
		return ""
	}
	return tooFewOpenFiles(l, limit)
}

// tooFewOpenFiles says what to do where limit is too low; else it is empty.
func tooFewOpenFiles(l Settings, limit uint64) string {
	sockets := max(l.MaxConnections, 0) + max(l.MaxUnauthenticated, 0) + socketsForwarded*max(l.MaxForwarded, 0)
	need := uint64(sockets) + spareFiles
	if need <= limit {
		return ""
	}
	text := fmt.Sprintf("HERALD_MAX_CONNECTIONS, HERALD_MAX_UNAUTHENTICATED and HERALD_MAX_FORWARDED let there be %d sockets, for which the process needs %d open files, "+
		"and it may have %d: raise the limit (in a shell: ulimit -Hn %d; in a container: --ulimit nofile=%d; with systemd: LimitNOFILE=%d)",
		sockets, need, limit, need, need, need)
	if most := int64(limit) - spareFiles - int64(sockets-max(l.MaxConnections, 0)); l.MaxConnections > 0 && most > 0 { //nolint:gosec // limits of files are far below 2^63
		text += fmt.Sprintf(", or set HERALD_MAX_CONNECTIONS to %d", most)
	}
	return text
}
