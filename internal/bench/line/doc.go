// Package line has the benches of the line that an event travels: publish (the producer's transaction), relay (from
// the outbox to the log) and latency (from COMMIT to the client's handler). Publish and relay have no clients;
// latency has the Go client in the bench's own process. Their baselines are plain statements in the same database.
package line
