package peers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// ErrNoPort is OwnURL's error for an address whose port is not known yet.
var ErrNoPort = errors.New("the port is not known")

// OwnURL is the address at which other nodes reach a node that listens at listen, as far as a machine can know it.
// That is listen itself or, where listen means all of the machine's addresses, the one by which the node reaches
// the database; local is that connection's near end. A database on the same machine tells nothing: the URL is then
// right only for nodes that all run there.
func OwnURL(secure bool, listen string, local net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" || port == "0" {
		return "", fmt.Errorf("%w: %q", ErrNoPort, listen)
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if near, ok := nearEnd(local); ok && !near.IsLoopback() {
			host = near.String()
		}
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// nearEnd returns false for a Unix socket.
func nearEnd(local net.Addr) (netip.Addr, bool) {
	if local == nil {
		return netip.Addr{}, false
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}, false
	}
	return at.Addr().Unmap().WithZone(""), true
}

// OnlyHere says whether a node's URL leads other machines to themselves.
func OnlyHere(nodeURL string) bool {
	u, err := url.Parse(nodeURL)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
}

// VerifyCertificate says why other nodes will refuse the certificate of a node that is reached at nodeURL by TLS.
func VerifyCertificate(certificate tls.Certificate, nodeURL string, roots *x509.CertPool) error {
	u, err := url.Parse(nodeURL)
	if err != nil {
		return fmt.Errorf("%q is no URL", nodeURL)
	}
	if len(certificate.Certificate) == 0 {
		return errors.New("there is no certificate")
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	between := x509.NewCertPool()
	for _, der := range certificate.Certificate[1:] {
		if one, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(one)
		}
	}
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: u.Hostname(), Roots: roots, Intermediates: between})
	return err //nolint:wrapcheck // it says it all
}
