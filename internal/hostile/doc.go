// Package hostile is the suite of producers, tokens and clients that mean harm or are merely unlucky. Each of its tests does what
// they would do to a real node on a real PostgreSQL, and asserts that the others notice nothing: events arrive, access stays as it is, memory
// and log stay bounded. It runs on every supported version of PostgreSQL.
//
// What it tries, by file:
//
//   - revocation: a producer that writes Herald's own AccessRevoked.
//   - noise: the count of those that notify used up, by nextval or by events that are rolled back; floods of notifications on every channel.
//   - sockets: silent sockets, slow headers and bodies, requests without a token, TLS where there is none, by the hundred.
//   - refused: one user's refused subscriptions over as many connections as a user may have, as fast as they are answered.
package hostile
