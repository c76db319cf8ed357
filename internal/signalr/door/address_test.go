package door

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusted := Proxies{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fd00::/8"),
	}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                           {"203.0.113.5:4711", nil, "203.0.113.5"},
		"a client that claims to be a proxy": {"203.0.113.5:4711", []string{"198.51.100.1"}, "203.0.113.5"},
		"a proxy":                            {"10.1.2.3:80", []string{"203.0.113.5"}, "203.0.113.5"},
		"a proxy that says nothing":          {"10.1.2.3:80", nil, "10.1.2.3"},
		"what the client put in front":       {"10.1.2.3:80", []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		"a proxy's address, put in front":    {"10.1.2.3:80", []string{"10.9.9.9,203.0.113.5"}, "203.0.113.5"},
		"two proxies":                        {"10.1.2.3:80", []string{"203.0.113.5, 192.0.2.7"}, "203.0.113.5"},
		"two proxies, a header each":         {"10.1.2.3:80", []string{"203.0.113.5", "192.0.2.7"}, "203.0.113.5"},
		"a header that the client sends":     {"10.1.2.3:80", []string{"198.51.100.1", "203.0.113.5"}, "203.0.113.5"},
		"a client in front, in its own header": {
			"10.1.2.3:80", []string{"10.9.9.9", "203.0.113.5, 192.0.2.7"}, "203.0.113.5",
		},
		"nothing but proxies":           {"10.1.2.3:80", []string{"10.4.5.6, 192.0.2.7"}, "10.4.5.6"},
		"a proxy that appends the port": {"10.1.2.3:80", []string{"203.0.113.5:55555"}, "203.0.113.5"},
		"IPv6":                          {"[fd00::1]:80", []string{"2001:db8::5"}, "2001:db8::5"},
		"IPv6 with a port":              {"[fd00::1]:80", []string{"[2001:db8::5]:55555"}, "2001:db8::5"},
		"IPv6 in brackets":              {"[fd00::1]:80", []string{"[2001:db8::5]"}, "2001:db8::5"},
		"IPv6 with a zone":              {"[fe80::1%eth0]:80", nil, "fe80::1"},
		"IPv4 in IPv6, a proxy":         {"[::ffff:10.1.2.3]:80", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		"nonsense":                      {"10.1.2.3:80", []string{"unknown"}, "10.1.2.3"},
		"nonsense in between":           {"10.1.2.3:80", []string{"203.0.113.5, , 192.0.2.7"}, "192.0.2.7"},
		"an empty header":               {"10.1.2.3:80", []string{""}, "10.1.2.3"},
		"no address":                    {"pipe", []string{"203.0.113.5"}, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		got := trusted.Client(r)
		if c.want == "" {
			require.False(t, got.IsValid(), name)
			continue
		}
		require.Equal(t, c.want, got.String(), name)
	}
}

// FuzzClientAddress: whatever the header says, a peer that is not trusted is the client. A trusted peer names the
// rightmost address in the header that is not trusted, if that is an address.
func FuzzClientAddress(f *testing.F) {
	f.Add("203.0.113.5", true)
	f.Add("198.51.100.1, 10.0.0.1", true)
	f.Add("[2001:db8::5]:1,::ffff:10.0.0.1,", false)
	f.Add(",,,", true)
	proxy := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string, trusted bool) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = "203.0.113.99:1"
		if trusted {
			r.RemoteAddr = "10.0.0.99:1"
		}
		r.Header["X-Forwarded-For"] = []string{header}
		got := proxy.Client(r)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%q: %v", header, got)
		}
		if !trusted && got.String() != "203.0.113.99" {
			t.Fatalf("believed a client: %v", got)
		}
		_, last, _ := cutLast(header)
		if next := parseAddress(last); trusted && next.IsValid() && !proxy.trusts(next) && got != next {
			t.Fatalf("%q: %v", header, got)
		}
	})
}

func TestSites(t *testing.T) {
	t.Parallel()
	for address, site := range map[string]string{
		"203.0.113.5": "203.0.113.5", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::1": "::",
	} {
		require.Equal(t, site, Site(netip.MustParseAddr(address)).String())
	}
	require.False(t, Site(netip.Addr{}).IsValid())
	require.False(t, parseAddress(strings.Repeat("1", 1000)).IsValid())
}
