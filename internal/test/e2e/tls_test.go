package e2e_test

import (
	"context"
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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// certificate writes a certificate for this machine, which is its own authority, and its key.
func certificate(t *testing.T) (certFile, keyFile string, authorities *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "herald"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().
			Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	authorities = x509.NewCertPool()
	authorities.AddCert(parsed)
	return certFile, keyFile, authorities
}

// TestTLS: with a certificate the main address speaks https and wss, and nothing else, to the published client, to
// REST and to `herald tail`.
//
// Acceptance.
func TestTLS(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	certFile, keyFile, authorities := certificate(t)
	ops := freeAddress(t)
	s := &server{ops: "http://" + ops, env: settings(
		dsn, "HERALD_LISTEN=127.0.0.1:0", "HERALD_OPS_LISTEN="+ops, "HERALD_TLS_CERT_FILE="+certFile,
		"HERALD_TLS_KEY_FILE="+keyFile,
	)}
	s.start(t)
	secure := strings.Replace(s.url, "http://", "https://", 1)
	p, d := produce(t, dsn), drive(t, "NODE_EXTRA_CA_CERTS="+certFile)
	o := newOrder()
	token := mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}})

	c := d.connect(t, secure+customerHub, token) // negotiates by https, and the client makes wss of it
	c.call(t, "SubscribeToOrder", o.id)
	id := o.changed(t, p, "Ready")
	require.Contains(t, string(c.next(t).Args[0]), id.String())
	boss := d.connect(t, secure+adminHub, admin(t))
	boss.receivesGreeting(t)

	rest := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}}
	t.Cleanup(rest.CloseIdleConnections)
	status, body := ask(
		t, rest, http.MethodPost, secure+"/api/admin/realtime/notify/system-event", admin(t),
		`{"eventType":"maintenance","description":"tonight"}`,
	)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, "AdminNotification", boss.next(t).Event)
	status, body = ask(
		t, rest, http.MethodGet,
		secure+"/api/realtime/events?hub=customer-orders&resource="+o.id.String()+"&after="+uuid.Nil.String(), token, "",
	)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, id.String())
	status, _ = ask(t, rest, http.MethodGet, secure+"/api/admin/realtime/status", "", "")
	require.Equal(t, http.StatusUnauthorized, status)

	tail := start(
		t, []string{"SSL_CERT_FILE=" + certFile}, "tail", "order:"+o.id.String(), "--url="+secure, "--token="+token,
		"--beginning", "--json",
	)
	tail.out.await(t, 0, "the event", func(line string) bool { return strings.Contains(line, id.String()) })

	// A client without TLS, or with an unsafe version of it, is not served.
	status, body = ask(t, http.DefaultClient, http.MethodGet, s.url+"/api/admin/realtime/health", "", "")
	require.Equal(t, http.StatusBadRequest, status, "%s", body)
	_, a := d.open(t, s.url+customerHub, options{Tokens: []string{token}})
	require.NotEmpty(t, a.Error)
	_, err := (&tls.Dialer{
		Config: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	}).
		DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.ErrorContains(t, err, "protocol version")
	// A client that does not know the authority does not connect.
	_, a = drive(t).open(t, secure+customerHub, options{Tokens: []string{token}})
	require.NotEmpty(t, a.Error)
}

// ask makes a request with the test's own client.
func ask(t *testing.T, by *http.Client, method, url, token, body string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Close = true
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := by.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(raw)
}
