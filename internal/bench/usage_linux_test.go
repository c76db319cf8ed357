package bench

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAProcessIsAskedWhatItUses(t *testing.T) {
	t.Parallel()
	before, err := CPUTime(os.Getpid())
	require.NoError(t, err)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		now, err := CPUTime(os.Getpid())
		require.NoError(t, err)
		if now > before {
			break
		}
	}
	after, err := CPUTime(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after, before)

	memory, err := ResidentBytes(os.Getpid())
	require.NoError(t, err)
	const least, most = 1 << 20, 16 << 30
	require.Greater(t, memory, int64(least))
	require.Less(t, memory, int64(most))
	peak, err := PeakResidentBytes(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, peak, memory/2)
	require.Less(t, peak, int64(most))
	family, err := FamilyCPU(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, family, after, "its own is a part of it")
	_, err = PostgresRoot(os.Getpid())
	require.ErrorContains(t, err, "a child of", "this is not PostgreSQL")
	const nobody = 1 << 30
	_, err = ResidentBytes(nobody)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = CPUTime(nobody)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhatTheKernelSaysOfAProcessIsRead(t *testing.T) {
	t.Parallel()
	const line = "42 (a (strange) name) S 7 42 42 0 -1 4194560 1100 0 0 0 100 20 300 4 20 0 1 0 12345 1000000 200"
	s, err := parseStat(42, []byte(line))
	require.NoError(t, err)
	require.Equal(
		t, stat{name: "a (strange) name", parent: 7, own: 1200 * time.Millisecond, children: 3040 * time.Millisecond}, s,
	)
	for _, wrong := range []string{
		"", "42", "42 (short) S 7", "42 (n) S x 42 42 0 -1 4194560 1100 0 0 0 100 20 300 4 20",
	} {
		_, err := parseStat(42, []byte(wrong))
		require.ErrorContains(t, err, "process 42", wrong)
	}
}
