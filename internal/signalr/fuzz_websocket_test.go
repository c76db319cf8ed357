package signalr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/yummyzoom/herald/internal/signalr"
)

// FuzzWebSocket sends anything at all on a WebSocket. Whatever is sent, the server answers with whole frames of whole
// records, the connection ends when the client is gone, and the hub sees as many ends as beginnings.
func FuzzWebSocket(f *testing.F) {
	hello := frames(ws.NewTextFrame([]byte(`{"protocol":"json","version":1}` + "\x1e")))
	for _, seed := range [][]byte{
		{},
		[]byte("GET / HTTP/1.1\r\n\r\n"),
		hello,
		hello[:10],
		frames(ws.NewTextFrame([]byte(`{"protocol":"messagepack","version":1}` + "\x1e"))),
		append(bytes.Clone(hello), frames(ws.NewTextFrame([]byte(nothing+nothing+`{"type":6}`+"\x1e")))...),
		append(bytes.Clone(hello), frames(ws.NewPingFrame([]byte("ping")), ws.NewPongFrame(nil), ws.NewCloseFrame(nil))...),
		append(bytes.Clone(hello), frames(ws.NewFrame(ws.OpText, false, []byte(nothing[:20])), ws.NewPingFrame(nil),
			ws.NewFrame(ws.OpContinuation, true, []byte(nothing[20:])))...),
		append(bytes.Clone(hello), frames(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNoMeaningYet, "\xff")))...),
		append(bytes.Clone(hello), 0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4),
		append(bytes.Clone(hello), 0x81, 0x05, 'h', 'e', 'l', 'l', 'o'),
		append(bytes.Clone(hello), frames(ws.NewTextFrame([]byte(`{"type":7}`+"\x1e")))...),
		append(bytes.Clone(hello), frames(ws.NewTextFrame(bytes.Repeat([]byte("["), 40<<10)))...),
	} {
		f.Add(seed)
	}
	socket := serveOnSocketFile(f)
	f.Fuzz(func(t *testing.T, said []byte) {
		conn, _, _, err := ws.Dialer{NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}.Dial(t.Context(), "ws://server/hub?access_token=user")
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan []byte, 1)
		go func() {
			all, _ := io.ReadAll(conn) // however it ends
			answered <- all
		}()
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		if _, err := conn.Write(said); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the server neither reads nor closes")
		}
		_ = conn.(*net.UnixConn).CloseWrite()
		select {
		case all := <-answered:
			checkFrames(t, all)
		case <-time.After(patience):
			t.Fatal("the server has not closed the connection")
		}
		_ = conn.Close()
	})
}

// serveOnSocketFile serves the test's hub on a Unix socket, because TCP has fewer ports. It returns the socket's
// path.
func serveOnSocketFile(f *testing.F, configure ...func(*signalr.Config)) string {
	f.Helper()
	hub := signalr.NewHub("fuzz")
	registerMethods(hub)
	var opened, ended atomic.Int64
	hub.OnConnected(func(context.Context, *signalr.Conn) error { opened.Add(1); return nil })
	hub.OnDisconnected(func(*signalr.Conn, error) { ended.Add(1) })
	cfg := signalr.Config{
		Settings: signalr.DefaultSettings(), Authenticate: authenticate, Logger: slog.New(slog.DiscardHandler),
	}
	// All clients come from one address, as fast as they can.
	cfg.MaxConnectionsPerUser, cfg.MaxConnectionsPerAddress, cfg.NegotiationRate = 0, 0, 0
	for _, c := range configure {
		c(&cfg)
	}
	server, err := signalr.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "fuzz") // short: a socket's path is limited
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := (&net.ListenConfig{}).Listen(f.Context(), "unix", path)
	if err != nil {
		f.Fatal(err)
	}
	h := &http.Server{Handler: server.Handler(hub), ReadHeaderTimeout: patience}
	served, ran := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- h.Serve(listener) }()
	go func() { ran <- server.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			f.Error(err)
		}
		_ = h.Close()
		<-served
		_ = os.RemoveAll(dir)
		if opened.Load() != ended.Load() {
			f.Errorf("%d connections began, %d ended", opened.Load(), ended.Load())
		}
	})
	return path
}

func frames(all ...ws.Frame) []byte {
	var b []byte
	for _, f := range all {
		compiled, _ := ws.CompileFrame(ws.MaskFrameWith(f, [4]byte{1, 2, 3, 4}))
		b = append(b, compiled...)
	}
	return b
}

// checkFrames checks that what a server has written is whole, and JSON.
func checkFrames(t *testing.T, all []byte) {
	t.Helper()
	in := bytes.NewReader(all)
	for in.Len() > 0 {
		h, err := ws.ReadHeader(in)
		if err != nil || h.Masked || !h.Fin || h.Rsv != 0 || h.Length > int64(in.Len()) {
			t.Fatalf("frame %+v: %v, in %q", h, err, all)
		}
		payload := make([]byte, h.Length)
		_, _ = io.ReadFull(in, payload)
		if h.OpCode != ws.OpText {
			continue
		}
		if !bytes.HasSuffix(payload, []byte{0x1e}) {
			t.Fatalf("record without an end: %q", payload)
		}
		for record := range bytes.SplitSeq(payload[:len(payload)-1], []byte{0x1e}) {
			if !json.Valid(record) {
				t.Fatalf("not JSON: %q", record)
			}
		}
	}
}
