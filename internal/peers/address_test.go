package peers_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/peers"
)

func TestANodeFindsItsOwnAddress(t *testing.T) {
	t.Parallel()
	lan := &net.TCPAddr{IP: net.ParseIP("10.0.0.5"), Port: 40000}
	lan6 := &net.TCPAddr{IP: net.ParseIP("fd00::5"), Port: 40000, Zone: ""}
	here := &net.TCPAddr{IP: net.ParseIP("127.0.0.1"), Port: 40000}
	for _, c := range []struct {
		listen string
		local  net.Addr
		secure bool
		url    string
		here   bool
	}{
		{":5006", lan, false, "http://10.0.0.5:5006", false},
		{"[::]:5006", lan, true, "https://10.0.0.5:5006", false},
		{"0.0.0.0:5006", &net.TCPAddr{IP: net.ParseIP("::ffff:10.0.0.5"), Port: 1}, false, "http://10.0.0.5:5006", false},
		{":5006", lan6, false, "http://[fd00::5]:5006", false},
		{"192.0.2.1:5006", lan, false, "http://192.0.2.1:5006", false},
		{":5006", here, false, "http://127.0.0.1:5006", true},
		{":5006", &net.UnixAddr{Name: "/tmp/x", Net: "unix"}, false, "http://127.0.0.1:5006", true},
		{":5006", nil, false, "http://127.0.0.1:5006", true},
		{"localhost:5006", lan, false, "http://127.0.0.1:5006", true},
		{"[::1]:5006", lan, false, "http://[::1]:5006", true},
		{"herald-1.internal:5006", lan, false, "http://herald-1.internal:5006", false},
	} {
		url, err := peers.OwnURL(c.secure, c.listen, c.local)
		require.NoError(t, err)
		require.Equal(t, c.url, url)
		require.Equal(t, c.here, peers.OnlyHere(url), url)
	}
	for _, listen := range []string{":0", "", "x"} {
		_, err := peers.OwnURL(false, listen, lan)
		require.ErrorIs(t, err, peers.ErrNoPort)
	}
}
