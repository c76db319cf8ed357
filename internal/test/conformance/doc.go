// Package conformance runs the published SignalR clients against the server of internal/signalr. It has no code
// beside the tests.
//
// The cases are one table in JavaScript (client/cases.mjs), each with the transports and protocols that it needs. The
// test reads the table from the driver (client/driver.mjs). It runs every case in every combination of transport and
// protocol that the case applies to, as a subtest "transport/protocol/case". Where a case does not apply, the table
// says why. The size of the matrix is asserted, so that no case is left out in silence. One Node process per
// combination runs its cases side by side.
//
// The servers run in the test process: one for each configuration that a case may want (server_test.go), all with one
// hub that has the methods which the cases call (hub_test.go, callbacks_test.go, streaming_test.go). The control
// endpoint does for a case what a hub method cannot (control_test.go): it tells what a request looked like, waits for
// a connection's end, or puts a proxy between client and server that cuts, stalls and half-closes.
//
// The table runs twice: with one node of each server, and with three nodes behind a balancer without affinity
// (internal/test/balancer), which hand each other's requests on as Herald's nodes do.
//
// The Go client, philippseith/signalr, has tests of its own beside the table (goclient_test.go).
//
// The JavaScript clients are installed by `make test`; by hand: npm ci in internal/test/conformance/client.
package conformance
