package conformance_test

import (
	"net/http"

	"github.com/yummyzoom/herald/internal/signalr"
)

// anyNodeTakesAnyRequest is false for as long as a connection has to stay with the node that negotiated it.
const anyNodeTakesAnyRequest = false

// join makes a server one of the node's, among others that take each other's requests.
func (w *world) join(*signalr.Config, *node) {}

// entrance lets in what another node forwards, which the first one has observed.
func entrance(_, observed http.Handler) http.Handler { return observed }
