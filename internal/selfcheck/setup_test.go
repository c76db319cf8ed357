package selfcheck_test

import (
	"testing"

	"github.com/yummyzoom/herald/internal/test/fixture"
)

type bundle struct{ *fixture.Database }

func setup(t *testing.T) *bundle {
	t.Helper()
	return &bundle{fixture.New(t)}
}
