package selfcheck_test

import (
	"testing"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
