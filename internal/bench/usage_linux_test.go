package bench

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAProcessIsAskedWhatItUses(t *testing.T) {
	t.Parallel()
	before, err := cpuTime(os.Getpid())
	require.NoError(t, err)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		now, err := cpuTime(os.Getpid())
		require.NoError(t, err)
		if now > before {
			break
		}
	}
	after, err := cpuTime(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after, before)

	memory, err := residentBytes(os.Getpid())
	require.NoError(t, err)
	const least, most = 1 << 20, 16 << 30
	require.Greater(t, memory, int64(least))
	require.Less(t, memory, int64(most))
	const nobody = 1 << 30
	_, err = residentBytes(nobody)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = cpuTime(nobody)
	require.ErrorIs(t, err, os.ErrNotExist)
}
