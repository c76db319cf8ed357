// Package adminapi is Herald's REST: the admin endpoints under /api/admin/realtime, those about single events and dead letters under
// /api/admin/outbox, and the replay for clients that poll, GET /api/realtime/events. GET /openapi.json describes them.
// Which of them publish events, and what those take, stands in package event's catalogue; the others are described in
// openapi.base.json. openapi.json is the whole document as it is served, written by `make docs`.
//
// # What it promises
//
// Every POST that is about no connection, node or dead letter writes one event to the outbox and answers with its id; nothing is broadcast from here, so an event that was
// answered for is relayed by whichever node comes first, and survives them all. An Idempotency-Key header (a UUID) becomes
// the event's id: the outbox delivers one id once, so a request may be repeated until it is answered.
//
// What goes wrong is application/problem+json (RFC 9457) in the form of ASP.NET Core's ValidationProblemDetails: "errors"
// names every wrong field at once, a bad Idempotency-Key among them. What is wrong inside Herald is logged, never told.
//
// Pages of the origins that may use the hubs may use this, too: CORS comes before all else, so that they can read every answer.
//
// A request passes, in this order: path (404), method (405), token (401), role (403), rate (429), Content-Type (415), size
// (413), JSON (400), fields and Idempotency-Key (400). Only GET health and the document need no token. A body that comes to an
// endpoint without one is held to the same rules and then ignored.
//
// # Several nodes
//
// Connections are where they are, so a node asks the others for theirs ([Fleet]), with the token of the one who asks it. A node that asks is answered for
// this node alone, and by few endpoints ([API.ForNodes]). What another node answers is read with a limit and in two seconds; one that does not answer is named
// in the answer. Nothing is remembered of connections for this: a listing looks at each of them once, and pages go by their ids.
//
// # Numbers
//
// Platform statistics come from whoever set them with herald.set_platform_stats. Where they were never set, the answer is
// 503; where a broadcast needs one that was not among them, the answer is 503 and names it. Numbers are passed on in the digits in which they were given, never through a float.
//
// # What is admitted to an event
//
// What a body holds beyond the fields that an endpoint knows reaches the event as it is. A value is admitted if Postgres can keep it as
// jsonb and every client can read it: no U+0000 in strings, no number beyond float64's range or of more than 64 characters, no key named
// __proto__, no more than 64 levels in the whole message, of which the body's are from the third on. Unpaired surrogates and bytes that are not UTF-8
// become U+FFFD.
package adminapi
