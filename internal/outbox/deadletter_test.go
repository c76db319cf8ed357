package outbox_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuryTwiceKeepsTheNewestReason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.insert(t, cart())
	b.bury(t, id, errors.New("first"))
	b.bury(t, id, errors.New("second"))
	require.Equal(t, "second", b.status(t, id)[0].Detail)
}
