package signalr

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The allocator has sizes of 576 and 640 bytes, of which 8 are its own.
func TestAConnectionFitsItsSize(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, unsafe.Sizeof(Conn{}), uintptr(568))
}
