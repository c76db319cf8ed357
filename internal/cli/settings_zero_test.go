package cli

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/settings"
)

// checked parses flags and returns what is wrong with them, as serve and check do.
func checked(t *testing.T, flags ...string) error {
	t.Helper()
	var s allSettings
	_, err := parser(t, &s).Parse(flags)
	require.NoError(t, err)
	return errors.Join(s.Check(), settings.Check(s.Auth))
}

// numbers are the settings of a node that are numbers or durations.
func numbers(t *testing.T) (all []*kong.Flag) {
	t.Helper()
	for _, f := range parser(t, &allSettings{}).Model.Flags {
		if f.Target.CanInt() {
			all = append(all, f)
		}
	}
	return all
}

func TestEveryNumberSaysWhatItsZeroMeans(t *testing.T) {
	t.Parallel()
	for _, f := range numbers(t) {
		name, zero := f.Envs[0], f.Tag.Get("zero")
		isDuration := f.Target.Type() == reflect.TypeFor[time.Duration]()
		err := checked(t, "--"+f.Name+"=0")
		reason, refused := strings.CutPrefix(zero, "refused: ")
		switch {
		case zero == "unlimited" && !isDuration, zero == "off" && isDuration:
			require.NoError(t, err, name)
		case refused:
			require.ErrorContains(t, err, name)
			require.ErrorContains(t, err, ": "+reason)
		case strings.HasPrefix(zero, "with "):
			require.ErrorContains(t, err, name+" must be at least 1")
			rate := strings.TrimSuffix(f.Name, "burst") + "rate"
			require.NoError(t, checked(t, "--"+f.Name+"=0", "--"+rate+"=0"), name)
		default:
			require.Fail(t, "the tag zero of "+name+" is "+zero)
		}
	}
}

func TestNoNumberIsNegative(t *testing.T) {
	t.Parallel()
	for _, f := range numbers(t) {
		value := "-1"
		if f.Target.Type() == reflect.TypeFor[time.Duration]() {
			value = "-1s"
		}
		require.ErrorContains(t, checked(t, "--"+f.Name+"="+value), f.Envs[0]+" ")
	}
}

// A package's own defaults are the command's.
func TestDefaultsAreThoseOfTheCommand(t *testing.T) {
	t.Parallel()
	var parsed allSettings
	_, err := parser(t, &parsed).Parse(nil)
	require.NoError(t, err)
	require.Equal(t, parsed.Server, settings.Defaults[Server]())
	require.Equal(t, parsed.Auth, settings.Defaults[Auth]())
	part := Server{}
	part.RingBytes = 1
	settings.Complete(&part)
	require.Equal(t, int64(1), part.RingBytes)
	require.Equal(t, parsed.QueueBytes, part.QueueBytes, "a 0 that is refused was left out")
	require.Zero(t, part.MaxConnections, "a 0 that means something stays")
}
