package line

import (
	"testing"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
