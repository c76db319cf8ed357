package signalr

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

func TestNamesAreChecked(t *testing.T) {
	t.Parallel()
	wrong := DefaultSettings()
	wrong.MessagePackNames = "pascal"
	_, err := New(Config{Settings: wrong})
	require.ErrorContains(t, err, `MESSAGEPACK_NAMES is "pascal": it must be dotnet or camel`)
	require.Panics(t, func() { wire.NewObject(make([]wire.Member, 65)...) })
}
