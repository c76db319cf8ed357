package cli

import (
	"net"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// The URL that `herald dev` prints leads to where it listens.
//
// Acceptance: A-430.
func TestPrintedAddressesWork(t *testing.T) {
	t.Parallel()
	for listen, c := range map[string]struct {
		addr net.Addr
		want string
	}{
		"localhost:5006":   {&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5006}, "http://localhost:5006"},
		":5007":            {&net.TCPAddr{IP: net.IPv6unspecified, Port: 5007}, "http://localhost:5007"},
		"0.0.0.0:5007":     {&net.TCPAddr{IP: net.IPv4zero, Port: 5007}, "http://localhost:5007"},
		"127.0.0.1:0":      {&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711}, "http://127.0.0.1:4711"},
		"[::1]:5006":       {&net.TCPAddr{IP: net.IPv6loopback, Port: 5006}, "http://[::1]:5006"},
		"192.168.1.5:5006": {&net.TCPAddr{IP: net.IPv4(192, 168, 1, 5), Port: 5006}, "http://192.168.1.5:5006"},
	} {
		require.Equal(t, c.want, baseURL(listen, c.addr, false), listen)
	}
	require.Equal(t, "https://localhost:5006", baseURL(":5006", &net.TCPAddr{IP: net.IPv4zero, Port: 5006}, true))
}

// Another address needs an explicit setting.
//
// Acceptance: A-430.
func TestDevListensOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"localhost:5006": {"dev"},
		":5006":          {"dev", "--listen=:5006"},
		"10.0.0.7:1":     {"dev", "--listen=10.0.0.7:1"},
	} {
		var cmd commands
		parser, err := kong.New(&cmd, vars())
		require.NoError(t, err)
		_, err = parser.Parse(args)
		require.NoError(t, err)
		cmd.Dev.setDefaults()
		require.Equal(t, want, cmd.Dev.Server.Listen)
	}
}
