package signalr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

func TestProxies(t *testing.T) {
	t.Parallel()
	l := signalr.Settings{
		TrustedProxies: []string{"10.0.0.0/8", " 192.0.2.1", "2001:db8::/32", "::1", "::ffff:192.0.2.2"},
	}
	prefixes := l.Proxies()
	var texts []string
	for _, p := range prefixes {
		texts = append(texts, p.String())
	}
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::1/128", "192.0.2.2/32"}, texts)
}
