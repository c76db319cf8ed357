package reference_test

import (
	"testing"

	"github.com/yummyzoom/herald/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
