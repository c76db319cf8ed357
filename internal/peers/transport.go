package peers

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	// dialTimeout is how long another node may take to accept a connection: nodes are near each other.
	dialTimeout      = time.Second
	handshakeTimeout = 2 * time.Second
	// silentTimeout is how long a node may acknowledge nothing before its connections are ended: its machine is gone.
	silentTimeout = 5 * time.Second
	// idleTimeout is how long an unused connection is kept. The other node keeps it longer, so that it does not close
	// one that is about to be used.
	idleTimeout = 30 * time.Second
	idleMost    = 256 // to one node

	bufferSize       = 4 << 10
	socketBuffer     = 2 << 10 // each way; a connection that carries an event stream holds both
	mostAnswerHeader = 64 << 10
)

// newTransport returns the connections to other nodes. They are direct, whatever proxy the environment names.
func newTransport(roots *x509.CertPool, answerTimeout time.Duration) *http.Transport {
	dialer := &net.Dialer{
		Timeout: dialTimeout, Control: setUserTimeout(silentTimeout),
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: silentTimeout, Interval: time.Second, Count: int(silentTimeout / time.Second),
		},
	}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: handshakeTimeout, ResponseHeaderTimeout: answerTimeout,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		// HTTP/1.1: a WebSocket takes its connection over
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		MaxIdleConnsPerHost: idleMost, IdleConnTimeout: idleTimeout, DisableCompression: true,
		ReadBufferSize: socketBuffer, WriteBufferSize: socketBuffer, MaxResponseHeaderBytes: mostAnswerHeader,
	}
}

// ReadRoots reads the certificates that verify other nodes'; without a file it returns nil, the system's.
func ReadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // what crypto/tls calls the system's
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading HERALD_NODE_CA_FILE: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("HERALD_NODE_CA_FILE: %s holds no certificate in PEM", file)
	}
	return roots, nil
}
