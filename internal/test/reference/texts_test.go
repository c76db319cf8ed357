package reference_test

// The sentences of docs/events.md that are in no table.
const eventsHead = "# Events\n\n" +
	"Every hub, method and event, with a payload as it is sent; how events are published; the REST API. This page is made from Herald's code by\n" +
	"`make docs`, and a test holds it against the code. [herald.d.ts](herald.d.ts) has all of it as TypeScript declarations to copy.\n\n" +
	"- [Hubs](#hubs): paths, groups, policies · [Methods](#methods) · [Resume](#resume) · [Refusals](#refusals)\n" +
	"- [What clients are sent](#what-clients-are-sent): order events, team cart events, admin events\n" +
	"- [What producers write](#what-producers-write): payloads, functions\n" +
	"- [REST](#rest) · [TypeScript](#typescript)\n\n" +
	"## Hubs\n\n" +
	"A client sends its token as `Authorization: Bearer …` or as the query value `access_token`; `accessTokenFactory` of SignalR's client does.\n" +
	"Without a valid one negotiation and every transport answer 401.\n\n" +
	"| hub | groups | who may connect | who may join a group |\n|---|---|---|---|\n"

const policiesHead = "\nGroup names have UUIDs in lower case, however a caller spells them.\n\n" +
	"| policy | a token's `permission` that meets it |\n|---|---|\n"

const policiesTail = "\n" +
	"Where the token has none, the function of `HERALD_AUTHORIZE_FUNCTION` is asked. The default one knows what `herald.grant_access` has granted, and who\n" +
	"placed an order: the customer of the order's first event.\n\n" +
	"## Methods\n\n" +
	"`UUID` is a string in the canonical form of 36 characters, in either case. `void` completes with null. Method names are found in any case.\n\n"

const resumes = "## Resume\n\n" +
	"A resume is checked like a subscribe. `lastEventId` is the last event of the group that the client has processed:\n\n" +
	"| `lastEventId` | what is sent |\n|---|---|\n" +
	"| an event's id | every later event of the group, in order, **before** the call completes; then events as they come |\n" +
	"| null | events from now on |\n" +
	"| `00000000-0000-0000-0000-000000000000` | everything that is retained, then events as they come |\n\n" +
	"```json\n%s\n```\n\n" +
	"`lastEventId` and `sequence` are the group's newest event at the moment of joining, so a client always has a cursor. `status` is `gap` where the\n" +
	"event is unknown, of another group, older than the retention, or more than `HERALD_REPLAY_LIMIT` (1000) events behind: nothing is replayed, events\n" +
	"come from now on, and the client fetches its state anew. A connection that is in the group already is sent only what it was not sent before.\n\n"

const refusals = "## Refusals\n\n" +
	"A call that fails completes with the text that ASP.NET Core would send, and the connection lives on:\n\n" +
	"| | |\n|---|---|\n" +
	"| `An unexpected error occurred invoking 'SubscribeToOrder' on the server. HubException: Forbidden` | no permission, or no such resource |\n" +
	"| `… HubException: Unauthorized` | the connection's token has expired meanwhile, or the new one is not valid |\n" +
	"| `… HubException: Too many subscriptions on this connection` | more groups than `HERALD_MAX_GROUPS` |\n" +
	"| `Failed to invoke 'SubscribeToOrder' due to an error on the server. …` | an argument is wrong: no UUID, too many, too few |\n\n" +
	"## What clients are sent\n\n" +
	"An order's and an admin event's object ends with `sequence`; behind it comes whatever else the payload holds. Fields that say \"or null\" are null where\n" +
	"the producer gave none, and never missing. Handle every event of a group: one that has no handler looks like a hole.\n\n"

const publishHead = "## What producers write\n\n" +
	"An event is a row of `herald.outbox`, written in the transaction that it tells of, by one of the functions below or by a plain insert. What is wrong with it\n" +
	"fails the insert and says why.\n\n" +
	"### Payloads\n\nNames are matched exactly. What a payload holds beyond these fields is the producer's; at most 64 KiB in all.\n\n"

const tableHead = "### The table\n\n" +
	"`INSERT INTO herald.outbox` and `COPY` do the same, with the same checks. The role `herald_producer` may write these columns:\n\n" +
	"| column | type | default | |\n|---|---|---|---|\n"

const restHead = "## REST\n\n" +
	"`GET /openapi.json` describes all of it. Every POST under `/api/admin/realtime` writes the outbox and answers with the event's id; an `Idempotency-Key` header, a\n" +
	"UUID, becomes that id. Errors are `application/problem+json` (RFC 9457). A question mark: it may be left out.\n\n"

const typescriptTail = "\n## TypeScript\n\n" +
	"Copy [herald.d.ts](herald.d.ts). It needs `@microsoft/signalr` and no other package:\n\n" +
	"```typescript\n" +
	"import type { CustomerOrdersConnection } from './herald';\n\n" +
	"const connection = new HubConnectionBuilder().withUrl('/hubs/customer-orders').build() as CustomerOrdersConnection;\n" +
	"connection.on('ReceiveOrderPlaced', (order) => console.log(order.orderNumber, order.sequence));\n" +
	"const { status } = await connection.invoke('ResumeOrder', orderId, null);\n" +
	"```\n"
