package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// portAttempts bounds how many system-chosen ports are tried for one that is free on both loopbacks.
const portAttempts = 20

// listen opens the sockets, so that a wrong address or certificate is reported before anything has begun.
func (a *App) listen(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			closeAll(slices.Concat(a.mainSockets, a.opsSockets, a.nodeSockets))
		}
	}()
	s := a.cfg.Server
	address := s.Listen
	if address == "" {
		address = ListenDefault
	}
	if a.mainSockets, err = listenOn(ctx, address); err != nil {
		return fmt.Errorf("listening on HERALD_LISTEN %q: %w", address, err)
	}
	if s.TLSCertFile != "" {
		certificate, err := tls.LoadX509KeyPair(s.TLSCertFile, s.TLSKeyFile)
		if err != nil {
			return fmt.Errorf("reading HERALD_TLS_CERT_FILE and HERALD_TLS_KEY_FILE: %w", err)
		}
		secure(a.mainSockets, certificate)
	}
	if err := a.listenForNodes(ctx); err != nil {
		return err
	}
	if a.ops != nil {
		if a.opsSockets, err = listenOn(ctx, s.OpsListen); err != nil {
			return fmt.Errorf("listening on HERALD_OPS_LISTEN %q: %w", s.OpsListen, err)
		}
	}
	return a.guard(ctx)
}

// secure puts TLS on sockets.
func secure(sockets []net.Listener, certificate tls.Certificate) {
	for i, socket := range sockets {
		sockets[i] = tls.NewListener(socket, &tls.Config{
			Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"}, // a WebSocket takes the connection over, which HTTP/2 cannot give
		})
	}
}

// listenOn opens the sockets of an address. The name localhost is 127.0.0.1 and ::1, as far as the machine has
// them: a client that resolves it may use either.
func listenOn(ctx context.Context, address string) ([]net.Listener, error) {
	var listen net.ListenConfig
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.EqualFold(host, "localhost") {
		socket, err := listen.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, err //nolint:wrapcheck // the caller says which setting it is
		}
		return []net.Listener{socket}, nil
	}
	for attempt := 1; ; attempt++ {
		sockets, err := listenOnBoth(ctx, port)
		if port == "0" && errors.Is(err, syscall.EADDRINUSE) && attempt < portAttempts {
			continue
		}
		return sockets, err
	}
}

func listenOnBoth(ctx context.Context, port string) (sockets []net.Listener, err error) {
	var listen net.ListenConfig
	var missing error
	for _, host := range []string{"127.0.0.1", "::1"} {
		socket, err := listen.Listen(ctx, "tcp", net.JoinHostPort(host, port))
		switch {
		case err == nil:
			sockets = append(sockets, socket)
			if tcp, ok := socket.Addr().(*net.TCPAddr); ok {
				port = strconv.Itoa(tcp.Port) // the same port on both
			}
		case isMissing(err):
			missing = err
		default:
			closeAll(sockets)
			return nil, err //nolint:wrapcheck // the caller says which setting it is
		}
	}
	if len(sockets) == 0 {
		return nil, missing
	}
	return sockets, nil
}

// isMissing reports whether the machine lacks the address to listen on, such as ::1 where IPv6 is off.
func isMissing(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) ||
		errors.Is(err, syscall.EPROTONOSUPPORT)
}

func closeAll(sockets []net.Listener) {
	for _, socket := range sockets {
		_ = socket.Close() // no client has connected yet
	}
}
