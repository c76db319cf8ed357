package conformance_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what should take milliseconds: the race detector and a busy machine are slow.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	// When its event stream ends, the Go client goes on reading a pipe without a writer.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/philippseith/signalr.(*clientSSEConnection).Read"))
}
