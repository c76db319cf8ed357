// Package hostile is the suite of producers, tokens and clients that mean harm or are merely unlucky. Each of its tests does what
// they would do to a real node on a real PostgreSQL, and asserts that the others notice nothing: events arrive, access stays as it is, memory
// and log stay bounded. It runs on every supported version of PostgreSQL.
//
// What it tries, by file:
//
//   - pages: a user who asks for every page of large events at once, and reads none of them.
//   - payloads: fields with the names of Herald's own, keys and nesting over which clients end, written past every check.
//   - pools: thousands of scrapes and probes without a token; administrators whose requests hold every connection that they can get.
//   - replays: connections that resume from far behind, several groups each, and read nothing.
//   - revocation: a producer that writes Herald's own AccessRevoked.
//   - noise: the count of those that notify used up, by nextval or by events that are rolled back; floods of notifications on every channel.
package hostile
