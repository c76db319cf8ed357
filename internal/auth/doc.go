// Package auth turns a JSON Web Token into a [Principal], and mints tokens for development.
//
// # What it promises
//
// A [Verifier] holds exactly one source of keys: a shared secret (HS256), a PEM file with a public key, or the URL of a JWK
// Set (RS256, ES256 or EdDSA, whichever the key is for). The algorithm follows the key. The token's own "alg" is only
// compared with it, so neither "none" nor a public key taken for an HMAC secret gets anyone in.
//
// A JWK Set is read key by key. What is in it beside keys for those algorithms, or cannot be read, is left out and keeps no other key out (RFC
// 7517 §5). Of several keys of one id all that are for the token's algorithm are tried (§4.5), so many at most.
//
// A token needs a valid signature, a subject and an expiry. The subject is text or an integer, which counts as its digits. "nbf" is checked where present; issuer and audience are checked
// where configured. Clocks may differ by [Config].Leeway.
//
// A refusal is an error of type [*TokenError]: its text is for logs and for the developer who holds the token, and never
// contains the token. A client is told 401 and nothing else; the audit log tells the operator. [Verifier.Inspect] makes each
// check by itself, for whoever holds a token and wonders.
//
// # When a principal expires
//
// [Principal].Expires is the token's "exp" without leeway: the moment at which its connections are closed. The one exception
// is a token that is accepted although "exp" has just passed, by the leeway: it lasts to the end of the leeway, because a
// connection that is admitted and closed in the same breath would make its client reconnect in a circle.
//
// # Lifecycle
//
// A Verifier for a secret or a file is immutable. One for a JWK Set fetches it when it is made, again every
// [Config].JWKSRefresh and, at most every ten seconds, for a key id that it does not know. What is fetched replaces what was
// there: a key that is gone is refused. What cannot be fetched, is no JWK Set, or has keys and none that can be used, changes nothing but the log and what the
// [Metrics] count it: the last keys stay in use. A JWK Set that cannot be fetched at first is not fatal: tokens are refused
// until it can. The goroutine that fetches ends with the context given to [NewVerifier].
package auth
