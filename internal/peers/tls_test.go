package peers_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/peers"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // its own certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nodes"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &authority{certificate, key, file}
}

// issue returns a certificate for a name or an address.
func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames:    []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func roots(t *testing.T, file string) func(*peers.Config) {
	t.Helper()
	pool, err := peers.ReadRoots(file)
	require.NoError(t, err)
	return func(c *peers.Config) { c.Roots = pool }
}

// Acceptance: A-476.
func TestNodesVerifyEachOthersCertificates(t *testing.T) {
	t.Parallel()
	ours, another := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name        string
		certificate tls.Certificate
		roots       string
		says        string // empty: it is accepted
	}{
		{"an authority of their own", ours.issue(t, "127.0.0.1"), ours.file, ""},
		{"another name", ours.issue(t, "herald.example"), ours.file, "x509: "},
		{"another authority", another.issue(t, "127.0.0.1"), ours.file, "x509: certificate signed by unknown authority"},
		{
			"an authority that the system does not know", ours.issue(t, "127.0.0.1"), "",
			"x509: certificate signed by unknown authority",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := startAs(t, "db", func(s *httptest.Server) {
				s.TLS = &tls.Config{
					Certificates: []tls.Certificate{c.certificate}, NextProtos: []string{"http/1.1"},
					MinVersion: tls.VersionTLS12,
				}
				s.StartTLS()
			})
			a := start(t, "db", roots(t, c.roots))
			acquainted(a, b)
			b.hub = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }
			pool, err := peers.ReadRoots(c.roots)
			require.NoError(t, err)
			advice := peers.VerifyCertificate(c.certificate, b.server.URL, pool)
			want, answer := cmp.Or(c.says, "here"), ""
			untilTrue(t, func() bool {
				answer = a.said(t, http.MethodGet, b, nil)
				return strings.Contains(answer, want)
			}, &answer)
			if c.says == "" {
				require.Equal(t, "here", answer)
				untilTrue(t, func() bool {
					a.Probe(t.Context())
					return len(a.States()) == 1 && a.States()[0].Err == nil
				})
				require.NoError(t, advice)
				ended := make(chan struct{})
				b.hub = echo(ended)
				conn, lines := upgraded(t, a.request(t, http.MethodGet, b, "/hubs/x", nil), "x\n")
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, "x\n", line)
				_ = conn.Close()
				<-ended
				return
			}
			untilTrue(t, func() bool {
				a.Probe(t.Context())
				return len(a.Unreachable()) == 1 && strings.Contains(a.Unreachable()[0].Error, c.says)
			})
			require.ErrorContains(t, advice, "x509: ", "the node itself can tell")
		})
	}
}

func TestAFileOfAuthoritiesHasToHoldOne(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, []byte("nothing"), 0o600))
	_, err := peers.ReadRoots(empty)
	require.ErrorContains(t, err, "holds no certificate in PEM")
	_, err = peers.ReadRoots(empty + ".missing")
	require.ErrorContains(t, err, "HERALD_NODE_CA_FILE")
}
