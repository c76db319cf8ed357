package door

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// siteBits is how many bits of an IPv6 address tell sites apart. A site has at least a /64 of its own (RFC 6177),
// whose 2^64 addresses cost it nothing.
const siteBits = 64

// Proxies are the networks of the trusted reverse proxies, whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// Client returns the address of r's client. That is the peer of its socket, or, where the peer is a trusted proxy,
// the address that the proxy states in X-Forwarded-For. Each proxy appends its own peer there. So the list is read
// from its right end, and only for as long as each address there is a trusted proxy's: the rest is whatever the
// client says. The address is invalid where the HTTP server does not know it. For a request that another node has
// handed on, it is the peer's, as that node states it.
func (p Proxies) Client(r *http.Request) netip.Addr {
	address := parseAddress(r.RemoteAddr)
	if Forwarded(r.Context()) {
		return address
	}
	for _, line := range slices.Backward(r.Header.Values("X-Forwarded-For")) {
		for more := true; more; {
			if !p.trusts(address) {
				return address
			}
			var last string
			line, last, more = cutLast(line)
			next := parseAddress(last)
			if !next.IsValid() {
				return address
			}
			address = next
		}
	}
	return address
}

// Sent says whether r comes from a trusted proxy.
func (p Proxies) Sent(r *http.Request) bool { return p.trusts(parseAddress(r.RemoteAddr)) }

func (p Proxies) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}

// cutLast cuts the last element off a list, and says whether there are more.
func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// parseAddress reads an address with or without a port, which some proxies append. IPv4 in IPv6 becomes IPv4, and
// zones are left out, so that each address has one form only.
func parseAddress(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone("")
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

// Site is the key of the limits for one address: the address, or an IPv6 address's site.
func Site(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	site, err := address.Prefix(siteBits)
	if err != nil {
		return address // cannot happen: every IPv6 address has 64 bits
	}
	return site.Masked().Addr()
}
