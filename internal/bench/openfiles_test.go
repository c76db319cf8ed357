package bench

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhoLacksOpenFilesIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	require.NoError(t, enoughOpenFiles(1000, 1200))
	require.ErrorContains(t, enoughOpenFiles(1001, 1200), "ulimit -Hn 1201")
	require.NoError(t, enoughOpenFiles(1_000_000, math.MaxUint64), "no limit at all")
}
