package cli

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A command that is done at once reports no progress; a longer one reports it once a second, and at its end.
//
// Acceptance: A-516.
func TestProgressIsToldOfWhatTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		var out bytes.Buffer
		p := newProgress(&out, "retrying", 1000)
		for i := range 1001 {
			p.at(i)
		}
		p.end()
		require.Empty(t, out.String())
		p = newProgress(&out, "retrying", 1000)
		for i := range 1001 {
			p.at(i)
			time.Sleep(2500 * time.Microsecond) // of the bubble's time
		}
		p.end()
		require.Equal(t, "retrying: 400 of 1000\nretrying: 800 of 1000\nretrying: 1000 of 1000\n", out.String())
	})
}
