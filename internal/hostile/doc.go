// Package hostile is the suite of producers, tokens and clients that mean harm or are merely unlucky. Each of its tests does what
// they would do to a real node on a real PostgreSQL, and asserts that the others notice nothing: events arrive, access stays as it is, memory
// and log stay bounded. It runs on every supported version of PostgreSQL.
//
// What it tries, by file:
//
//   - revocation: a producer that writes Herald's own AccessRevoked.
//   - noise: the count of those that notify used up, by nextval or by events that are rolled back; floods of notifications on every channel.
//   - tokens: an issuer's JWK Set with odd keys and several of one id; users that are numbers.
//   - refused_tokens: requests without a token and with one that is not believed, to every hub and by REST.
//   - addresses: hubs and REST paths in other cases and with a slash behind them; an upgrade in two Connection lines.
package hostile
