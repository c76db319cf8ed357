package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// upgradeTimeout is how long writing the response to a WebSocket request may take.
const upgradeTimeout = 5 * time.Second

// IsWebSocketRequest says whether r asks for a WebSocket (RFC 6455, section 4.2.1).
func IsWebSocketRequest(r *http.Request) bool {
	return lists(r.Header, headerUpgrade, "websocket") && lists(r.Header, headerConnection, "upgrade")
}

// The headers of RFC 6455 §4.2.1 that are lists.
const (
	headerUpgrade    = "Upgrade"
	headerConnection = "Connection"
	headerVersion    = "Sec-Websocket-Version"
)

// lists says whether a header that is a list has the value, in any of its lines.
func lists(h http.Header, name, value string) bool {
	for _, line := range h[name] {
		for element := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(element), value) {
				return true
			}
		}
	}
	return false
}

// inOneLine rewrites a request's headers for gobwas, which looks at the first line of each. Proxies write Connection:
// keep-alive before their Connection: Upgrade, and some clients offer several versions.
func inOneLine(h http.Header) {
	for name, value := range map[string]string{
		headerUpgrade: "websocket", headerConnection: "Upgrade", headerVersion: "13",
	} {
		if lists(h, name, value) {
			h[name] = []string{value}
		}
	}
}

// Upgrade takes the request's socket from the HTTP server, see newWebSocket. The answer also has header, unless that
// is nil. Where Upgrade returns an error, it has answered the request.
func Upgrade(
	w http.ResponseWriter, r *http.Request, header http.Header, b *Buffers, idle func(pong wire.Frame) error,
) (Transport, error) {
	inOneLine(r.Header)
	upgrader := ws.HTTPUpgrader{Timeout: upgradeTimeout, Header: header}
	conn, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, fmt.Errorf("upgrading to a WebSocket: %w", err)
	}
	return newWebSocket(conn, b, unread(rw.Reader), idle), nil
}

// unread returns what the HTTP server has read behind the request: a client may send its handshake without waiting.
// The HTTP server's own buffer is released.
func unread(r *bufio.Reader) []byte {
	early, _ := r.Peek(r.Buffered()) // cannot fail: that much is buffered
	return bytes.Clone(early)
}
