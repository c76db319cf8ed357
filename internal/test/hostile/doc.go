// Package hostile is the suite of producers, tokens and clients that are malicious or merely unlucky. Each test
// does what they would do to a real node on a real PostgreSQL, and asserts that the others are not affected: events
// arrive, access stays as it is, memory and log stay bounded. The suite runs on every supported version of
// PostgreSQL.
//
// The attacks, by file:
//
//   - names: functions and operators in public with the names and arguments that Herald calls; locks that any role
//     may take.
//   - settings: a database and a role whose settings are all hostile, and a producer in a session with such
//     settings.
//   - pages: a user who asks for every page of large events at once, and reads none of them.
//   - payloads: fields with the names of Herald's own, keys and nesting that break clients, written past every
//     check.
//   - members: fields with the names that Herald's own have over MessagePack.
//   - pools: thousands of scrapes and probes without a token; administrators whose requests hold every connection
//     that they can get.
//   - replays: connections that resume from far behind, several groups each, and read nothing.
//   - revocation: a producer that writes Herald's own AccessRevoked.
//   - noise: the counter of transactions that notify a sleeping relay used up, by nextval or by rolled-back events;
//     floods of notifications on every channel.
//   - rows: what no check lets in, in each column of the outbox: infinite and impossible times, missing ids,
//     megabytes, payloads that are none.
//   - flood: twenty thousand rows that cannot be delivered in one statement.
//   - access: a producer that names a user of its own as the customer of another customer's order, in every way;
//     what a producer is told.
//   - shadows: a producer with operators, functions, types, tables, a collation and settings of its own, ahead of
//     PostgreSQL's.
//   - prepared: a producer that prepares its transactions for a two-phase commit.
//   - tokens: an issuer's JWK Set with odd keys and several of one id; users that are numbers.
//   - refused_tokens: requests without a token and with one that is not valid, to every hub and by REST.
//   - refreshes: requests for another's connection, of no connection, with bodies, and hundreds at once.
//   - addresses: hubs and REST paths in other cases and with a slash behind them; an upgrade in two Connection
//     lines.
//   - sockets: silent sockets, slow headers and bodies, requests without a token, TLS where there is none, by the
//     hundred.
//   - entrance: users, administrators and eavesdroppers on the wire between two nodes, at the entrance that is for
//     nodes alone.
//   - dead_letters: operators who mend, retry and drop the same events at once, beside the attempts that go on; a
//     producer who tries the same.
//   - refused: one user's refused subscriptions over as many connections as a user may have, as fast as they are
//     answered.
//   - tickets: connection tokens altered in every byte, of other hubs, users and databases, and sealed with
//     invented keys.
package hostile
