package settings_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/peers"
	"github.com/yummyzoom/herald/internal/settings"
)

type strict struct {
	Bytes int `default:"10" zero:"refused: nothing could be sent"`
	Rate  int `default:"50" zero:"unlimited"`
}

type loose struct {
	Rate int `default:"50" zero:"unlimited"`
}

func TestComplete(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ given, want strict }{
		"nothing is set":                 {strict{}, strict{Bytes: 10, Rate: 50}},
		"a 0 that means something":       {strict{Bytes: 1}, strict{Bytes: 1}},
		"what must not be 0 is left out": {strict{Rate: 7}, strict{Bytes: 10, Rate: 7}},
	} {
		settings.Complete(&test.given)
		require.Equal(t, test.want, test.given, name)
	}
	unlimited := loose{}
	settings.Complete(&unlimited)
	require.Zero(t, unlimited.Rate, "an operator's 0")
}

// Nobody can tell an operator's 0 from a setting that was left out, but for the fields beside it.
func TestForwardedRequestsCanBeUnlimited(t *testing.T) {
	t.Parallel()
	unlimited := peers.Settings{}
	settings.Complete(&unlimited)
	require.Zero(t, unlimited.MaxForwarded)
}
