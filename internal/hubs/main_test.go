package hubs_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m, func() error { return goleak.Find() }) }
