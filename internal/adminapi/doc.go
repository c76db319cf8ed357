// Package adminapi is Herald's REST API: the admin endpoints under /api/admin/realtime, those about single events
// and dead letters under /api/admin/outbox, and the replay for clients that poll, GET /api/realtime/events. GET
// /openapi.json describes them. Package event's catalogue lists the endpoints that publish events, with their
// fields; openapi.base.json describes the others. openapi.json is the whole document as it is served, written by
// `make docs`.
//
// # What it promises
//
// Every POST that is about no connection, node or dead letter writes one event to the outbox and answers with its
// id. The API broadcasts nothing itself: any node may relay an event that was answered for, so the event survives
// the node. An Idempotency-Key header (a UUID) becomes the event's id. The outbox delivers one id once, so a client
// may repeat a request until it is answered.
//
// Errors are application/problem+json (RFC 9457) in the form of ASP.NET Core's ValidationProblemDetails: "errors"
// names every wrong field at once, including a bad Idempotency-Key. Internal errors are logged, and never reach the
// client.
//
// Pages of the origins that may use the hubs may also use this API. CORS comes before all other checks, so that
// these pages can read every answer.
//
// A request is checked in this order: path (404), method (405), token (401), role (403), rate (429), Content-Type
// (415), size (413), JSON (400), fields and Idempotency-Key (400). Only GET health and the document need no token. A
// body sent to an endpoint that takes none is held to the same rules and then ignored.
//
// # Several nodes
//
// Each node knows only its own connections, so it asks the other nodes for theirs ([Fleet]), with the token of the
// administrator who asks. The asked node answers for itself alone, and has few endpoints for other nodes
// ([API.ForNodes]). Reading another node's answer has a size limit and a time-out of two seconds; the page names a
// node that does not answer. No node caches connections for this: a listing looks at each connection once, and pages
// are ordered by connection id.
//
// # Numbers
//
// Platform statistics come from herald.set_platform_stats. If they were never set, the answer is 503; if a broadcast
// needs one that is not set, the answer is 503 and names it. Numbers keep the digits in which they were given, and
// never pass through a float.
//
// # What is admitted to an event
//
// Fields of a body that the endpoint does not know reach the event unchanged. A value is admitted if Postgres can
// keep it as jsonb and every client can read it: no U+0000 in strings, no number beyond float64's range or of more
// than 64 characters, no key named __proto__, no more than 64 levels in the whole message, of which the body's are
// from the third on. Unpaired surrogates and bytes that are not UTF-8 become U+FFFD.
package adminapi
