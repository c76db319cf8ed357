package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/config"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/pgtest"
)

// certificate writes one for 127.0.0.1 and its key, and returns their files and who trusts it.
func certificate(t *testing.T) (certFile, keyFile string, trust *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	trust = x509.NewCertPool()
	require.True(t, trust.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return certFile, keyFile, trust
}

// With a certificate the hubs are at https and wss, and at nothing else.
//
// Acceptance.
func TestWithACertificateTheNodeSpeaksTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, trust := certificate(t)
	cfg, stop := startNode(t, pgtest.New(t), func(s *config.Server) { s.TLSCertFile, s.TLSKeyFile = certFile, keyFile })
	t.Cleanup(func() { require.NoError(t, <-stop()) })

	secure := cfg
	secure.URL, secure.TLS = strings.Replace(cfg.URL, "http:", "https:", 1), &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}
	c, err := hubclient.Connect(t.Context(), secure, "/hubs/admin", nil)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Invoke(t.Context(), "SubscribeToAlerts")
	require.NoError(t, err)

	_, err = hubclient.Connect(t.Context(), cfg, "/hubs/admin", nil)
	require.Error(t, err, "without TLS")
	secure.TLS = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	_, err = hubclient.Connect(t.Context(), secure, "/hubs/admin", nil)
	require.ErrorContains(t, err, "certificate")
}
