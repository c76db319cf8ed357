package outbox_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/fixture"
)

func TestBuryTwiceKeepsTheNewestReason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.Insert(t, fixture.Cart())
	b.Bury(t, id, errors.New("first"))
	b.Bury(t, id, errors.New("second"))
	require.Equal(t, "second", b.Status(t, id)[0].Detail)
}
