// Package conformance runs the published SignalR clients against the server of internal/signalr. It has no code of its own
// beside the tests.
//
// The cases are one table in JavaScript (client/cases.mjs), each with what it needs of a transport and a protocol. The test
// reads the table from the driver (client/driver.mjs) and runs every case in every combination of transport and protocol that
// it applies to, as a subtest "transport/protocol/case" of its own; what does not apply says why in the table, and the size of
// the matrix is asserted, so that no case is left out in silence. One Node process per combination runs its cases side by side.
//
// The servers run in the test process: one for each configuration that a case may want (server_test.go), all with one hub
// whose methods are what the cases call (hub_*_test.go). What a hub method cannot do for a case, the control endpoint does
// (control_test.go): tell what a request looked like, wait for a connection's end, or put a proxy between client and server that
// cuts, stalls and half-closes.
//
// The table runs twice: with one node of each server, and with three behind a balancer without affinity (internal/test/balancer), which
// hand each other's requests on as Herald's nodes do.
//
// The Go client, philippseith/signalr, has tests of its own beside the table (goclient_test.go).
//
// The JavaScript clients are installed by `make test`; by hand: npm ci in internal/test/conformance/client.
package conformance
