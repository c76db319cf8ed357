package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
)

// allSettings embeds all settings, as a command does.
type allSettings struct {
	Log
	Database
	Listen
	Auth
	Server
}

func parser(t *testing.T, into any) *kong.Kong {
	t.Helper()
	p, err := kong.New(into, kong.Name("herald"), kong.Exit(func(int) {}))
	require.NoError(t, err)
	return p
}

// Acceptance.
func TestEverySettingIsAFlagAndAVariableOfOneName(t *testing.T) {
	t.Parallel()
	for _, flag := range parser(t, &allSettings{}).Model.Flags {
		if flag.Name == "help" {
			continue
		}
		want := "HERALD_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		require.Equal(t, []string{want}, flag.Envs)
		require.NotEmpty(t, flag.Help, flag.Name)
	}
}

// Acceptance: A-399.
func TestHelpShowsEveryDefault(t *testing.T) {
	t.Parallel()
	p := parser(t, &allSettings{})
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

// Acceptance.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, name := range os.Environ() {
		require.False(t, strings.HasPrefix(name, "HERALD_LISTEN="), "the environment of this test sets a default")
	}
	var s allSettings
	_, err := parser(t, &s).Parse(nil)
	require.NoError(t, err)
	require.NoError(t, s.Check(), "the defaults are valid")
	require.Empty(t, s.Server.Listen, "serve and dev each have their own")
	require.Equal(t, ":5006", app.ListenDefault)
	require.Equal(t, ".herald", s.DataDir)
	require.Equal(t, "Admin", s.AdminRole)
	require.Equal(t, "herald.can_subscribe", s.AuthorizeFunction)
	require.Equal(t, 2*time.Second, s.AuthorizeCache)
	require.Equal(t, 1000, s.ReplayLimit)
	require.Equal(t, 1<<20, s.QueueBytes)
	require.Equal(t, 7*24*time.Hour, s.Retention)
	require.Equal(t, 90*24*time.Hour, s.GroupRetention)
	require.False(t, s.FeatureTeamcart)
	require.Equal(t, "dotnet", s.MessagePackNames)
	require.True(t, s.AuditLog)
	require.False(t, s.HasKey())
	require.Empty(t, s.TrustedProxies)
	require.Positive(t, s.MaxConnectionsPerAddress)
}

func TestEveryLimitMayBeLeftOut(t *testing.T) {
	t.Parallel()
	var s allSettings
	_, err := parser(t,
		&s).Parse(strings.Fields("--max-connections=0 --max-connections-per-user=0 --max-connections-per-address=0 " +
		"--negotiation-rate=0 --negotiation-burst=0 --invocation-rate=0 --invocation-burst=0 --message-rate=0 --message-burst=0 --api-rate=0 --api-burst=0 --shutdown-spread=0 --max-forwarded=0"))
	require.NoError(t, err)
	require.NoError(t, s.Check())
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	var s allSettings
	_, err := parser(t,
		&s).Parse([]string{"--allowed-origins=https://app.example:443,HTTPS://App.Example,http://[::1]:3000,capacitor://localhost"})
	require.NoError(t, err)
	require.NoError(t, s.Check())
}

// Acceptance: A-398.
func TestAFlagGoesBeforeItsVariable(t *testing.T) {
	t.Setenv("HERALD_REPLAY_LIMIT", "7")
	t.Setenv("HERALD_FEATURE_TEAMCART", "true")
	t.Setenv("HERALD_ALLOWED_ORIGINS", "https://a.example,https://b.example:8443")
	t.Setenv("HERALD_JWT_SECRET", "sesame")
	var s allSettings
	_, err := parser(t, &s).Parse([]string{"--replay-limit=8"})
	require.NoError(t, err)
	require.Equal(t, 8, s.ReplayLimit)
	require.True(t, s.FeatureTeamcart)
	require.Equal(t, []string{"https://a.example", "https://b.example:8443"}, s.AllowedOrigins)
	require.True(t, s.HasKey())
}

// Acceptance: A-397.
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
		"--write-timeout=0s":                       "HERALD_WRITE_TIMEOUT",
		"--authorize-cache=-1s":                    "HERALD_AUTHORIZE_CACHE",
		"--authorize-cache=2m":                     "HERALD_AUTHORIZE_CACHE is 2m0s: it must be between 0 and 1m",
		"--shutdown-spread=-1s":                    "HERALD_SHUTDOWN_SPREAD",
		"--shutdown-spread=15s":                    "HERALD_SHUTDOWN_SPREAD must be shorter than HERALD_SHUTDOWN_TIMEOUT",
		"--shutdown-timeout=5s":                    "HERALD_SHUTDOWN_SPREAD must be shorter than HERALD_SHUTDOWN_TIMEOUT",
		"--analytics-min-interval=2h":              "HERALD_ANALYTICS_MIN_INTERVAL is 2h0m0s: it must be from 0 to 1h",
		"--stats-interval=-1s":                     "HERALD_STATS_INTERVAL is -1s: it must be 0 or at least 1s",
		"--retention=23h59m":                       "HERALD_RETENTION is 23h59m0s: it must be at least 24h",
		"--retention=-1h":                          "HERALD_RETENTION",
		"--retention=soon":                         "--retention",
		"--group-retention=167h":                   "HERALD_GROUP_RETENTION is 167h0m0s: it must be at least HERALD_RETENTION, which is 168h0m0s",
		"--retention=2161h":                        "HERALD_GROUP_RETENTION",
		"--max-connections=-1":                     "HERALD_MAX_CONNECTIONS must be at least 0",
		"--max-connections-per-user=-1":            "HERALD_MAX_CONNECTIONS_PER_USER",
		"--max-connections-per-address=-1":         "HERALD_MAX_CONNECTIONS_PER_ADDRESS",
		"--negotiation-rate=-1":                    "HERALD_NEGOTIATION_RATE",
		"--negotiation-burst=0":                    "HERALD_NEGOTIATION_BURST must be at least 1",
		"--invocation-rate=-1":                     "HERALD_INVOCATION_RATE",
		"--invocation-burst=0":                     "HERALD_INVOCATION_BURST",
		"--message-rate=-1":                        "HERALD_MESSAGE_RATE",
		"--message-burst=0":                        "HERALD_MESSAGE_BURST",
		"--api-rate=-1":                            "HERALD_API_RATE must be at least 0",
		"--api-burst=0":                            "HERALD_API_BURST must be at least 1",
		"--max-groups=0":                           "HERALD_MAX_GROUPS must be at least 1",
		"--max-streams=0":                          "HERALD_MAX_STREAMS must be at least 1",
		"--disconnect-timeout=0s":                  "HERALD_DISCONNECT_TIMEOUT",
		"--poll-timeout=500ms":                     "HERALD_POLL_TIMEOUT must be at least 1s",
		"--reconnect-bytes=0":                      "HERALD_RECONNECT_BYTES",
		"--trusted-proxies=10.0.0.1,proxy.example": `HERALD_TRUSTED_PROXIES: "proxy.example"`,
		"--trusted-proxies=10.0.0.0/33":            "HERALD_TRUSTED_PROXIES",
		"--allowed-origins=*":                      "HERALD_ALLOWED_ORIGINS",
		"--allowed-origins=https://*.example":      "HERALD_ALLOWED_ORIGINS",
		"--allowed-origins=null":                   "HERALD_ALLOWED_ORIGINS",
		"--replay-limit=0 --shutdown-timeout=-10s": "HERALD_SHUTDOWN_TIMEOUT",
		"--messagepack-names=pascal":               `HERALD_MESSAGEPACK_NAMES is "pascal": it must be dotnet or camel`,
		"--node-url=herald-1:5006":                 `HERALD_NODE_URL: "herald-1:5006" is not a URL such as https://herald-1.internal:5006`,
		"--node-url=ftp://herald-1":                "HERALD_NODE_URL",
		"--node-url=https://":                      "HERALD_NODE_URL",
		"--node-url=https://herald-1/hubs":         "HERALD_NODE_URL: \"https://herald-1/hubs\" has more than a scheme, a host and a port",
		"--node-url=https://u:p@herald-1":          "HERALD_NODE_URL",
		"--node-url=https://herald-1?x=1":          "HERALD_NODE_URL",
		"--node-listen=5007":                       "HERALD_NODE_LISTEN",
		"--node-plain":                             "HERALD_NODE_LISTEN, which is not set",
		"--node-cert-file=x":                       "HERALD_NODE_KEY_FILE",
		"--node-listen=:5007 --node-plain --node-cert-file=x --node-key-file=y": "HERALD_NODE_PLAIN and HERALD_NODE_CERT_FILE contradict each other",
		"--max-forwarded=-1": "HERALD_MAX_FORWARDED must be at least 0",
		"--log-level=loud":   "--log-level",
		"--keep-alive=soon":  "--keep-alive",
	} {
		var s allSettings
		_, err := parser(t, &s).Parse(strings.Fields(flags))
		if err == nil {
			err = s.Check()
		}
		require.ErrorContains(t, err, want, flags)
	}
}
