// Package auth turns a JSON Web Token into a [Principal], and mints tokens for development.
//
// # What it promises
//
// A [Verifier] holds exactly one source of keys: a shared secret (HS256), a PEM file with a public key, or the URL
// of a JWK Set (RS256, ES256 or EdDSA, whichever the key is for). The algorithm follows the key. The token's own
// "alg" is only compared with it, so neither "none" nor a public key taken for an HMAC secret is accepted.
//
// A JWK Set is read key by key. A key that is for another algorithm, or that cannot be read, is left out and keeps
// no other key out (RFC 7517 §5). Where several keys share an id, all that are for the token's algorithm are tried
// (§4.5), up to a limit.
//
// A token needs a valid signature, a subject and an expiry. The subject is text or an integer; an integer counts as
// its digits. "nbf" is checked where present; issuer and audience are checked where configured. Clocks may differ
// by [Config].Leeway.
//
// A refusal is an error of type [*TokenError]. Its text is for logs and for the developer who holds the token, and
// never contains the token. A client is told 401 and nothing else; the audit log tells the operator.
// [Verifier.Inspect] makes each check separately, to show a developer why a token is refused.
//
// # When a principal expires
//
// [Principal].Expires is the token's "exp" without leeway: the moment at which its connections are closed. The one
// exception is a token that is accepted within the leeway after "exp": it lasts to the end of the leeway. A
// connection that is admitted and closed at once would make its client reconnect in a loop.
//
// # Lifecycle
//
// A Verifier for a secret or a file is immutable. One for a JWK Set fetches the set when it is made, again every
// [Config].JWKSRefresh and, at most every ten seconds, for a key id that it does not know. A fetched set replaces
// the one before: a key that is gone is refused. A fetch that fails, returns no JWK Set, or returns keys of which
// none can be used changes only the log and the [Metrics]: the last keys stay in use. A first fetch that fails is
// not fatal: tokens are refused until a fetch succeeds. The goroutine that fetches ends with the context given to
// [NewVerifier].
package auth
