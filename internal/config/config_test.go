package config_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/config"
)

// settings is every setting there is, as a command embeds them.
type settings struct {
	config.Log
	config.Database
	config.Listen
	config.Auth
	config.Server
}

func parser(t *testing.T, into any) *kong.Kong {
	t.Helper()
	p, err := kong.New(into, kong.Name("herald"), kong.Exit(func(int) {}))
	require.NoError(t, err)
	return p
}

func TestEverySettingIsAFlagAndAVariableOfOneName(t *testing.T) {
	t.Parallel()
	for _, flag := range parser(t, &settings{}).Model.Flags {
		if flag.Name == "help" {
			continue
		}
		want := "HERALD_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		require.Equal(t, []string{want}, flag.Envs)
		require.NotEmpty(t, flag.Help, flag.Name)
	}
}

func TestHelpShowsEveryDefault(t *testing.T) {
	t.Parallel()
	p := parser(t, &settings{})
	var help bytes.Buffer
	p.Stdout = &help
	_, _ = p.Parse([]string{"--help"})
	oneLine := strings.Join(strings.Fields(help.String()), " ")
	for _, flag := range p.Model.Flags {
		if flag.HasDefault && flag.Default != "" {
			require.Contains(t, oneLine, flag.Default, flag.Name)
		}
		require.Contains(t, oneLine, "--"+flag.Name)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, name := range os.Environ() {
		require.False(t, strings.HasPrefix(name, "HERALD_LISTEN="), "the environment of this test sets a default")
	}
	var s settings
	_, err := parser(t, &s).Parse(nil)
	require.NoError(t, err)
	require.NoError(t, s.Check(), "the defaults are valid")
	require.Equal(t, ":5006", s.Server.Listen)
	require.Equal(t, ".herald", s.DataDir)
	require.Equal(t, "Admin", s.AdminRole)
	require.Equal(t, "herald.can_subscribe", s.AuthorizeFunction)
	require.Equal(t, 1000, s.ReplayLimit)
	require.Equal(t, 1<<20, s.QueueBytes)
	require.False(t, s.FeatureTeamcart)
	require.False(t, s.HasKey())
}

func TestAFlagGoesBeforeItsVariable(t *testing.T) {
	t.Setenv("HERALD_REPLAY_LIMIT", "7")
	t.Setenv("HERALD_FEATURE_TEAMCART", "true")
	t.Setenv("HERALD_ALLOWED_ORIGINS", "https://a.example,https://b.example:8443")
	t.Setenv("HERALD_JWT_SECRET", "sesame")
	var s settings
	_, err := parser(t, &s).Parse([]string{"--replay-limit=8"})
	require.NoError(t, err)
	require.Equal(t, 8, s.ReplayLimit)
	require.True(t, s.FeatureTeamcart)
	require.Equal(t, []string{"https://a.example", "https://b.example:8443"}, s.AllowedOrigins)
	require.True(t, s.HasKey())
}

func TestBadSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"--tls-cert-file=x":                        "HERALD_TLS_KEY_FILE",
		"--tls-key-file=x":                         "HERALD_TLS_CERT_FILE",
		"--allowed-origins=app.example":            "HERALD_ALLOWED_ORIGINS",
		"--allowed-origins=https://app.example/x":  "HERALD_ALLOWED_ORIGINS",
		"--replay-limit=0":                         "HERALD_REPLAY_LIMIT",
		"--ring-bytes=-1":                          "HERALD_RING_BYTES",
		"--queue-bytes=1024":                       "HERALD_QUEUE_BYTES",
		"--keep-alive=0s":                          "HERALD_KEEP_ALIVE",
		"--client-timeout=15s":                     "HERALD_CLIENT_TIMEOUT",
		"--replay-limit=0 --shutdown-timeout=-10s": "HERALD_SHUTDOWN_TIMEOUT",
		"--log-level=loud":                         "--log-level",
		"--keep-alive=soon":                        "--keep-alive",
	} {
		var s settings
		_, err := parser(t, &s).Parse(strings.Fields(flags))
		if err == nil {
			err = s.Check()
		}
		require.ErrorContains(t, err, want, flags)
	}
}
