package signalr

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"time"
)

// token is the random part of a connection token. The zero token is nobody's: such a connection was not negotiated.
type token [16]byte

// tokens issues and checks connection tokens. They are signed instead of stored, so that negotiating costs the server no
// memory, however often it is done: nobody can fill a store, or push others out of one.
type tokens struct {
	key      [32]byte
	lifetime time.Duration
}

// ticket is what a connection token says.
type ticket struct {
	token    token
	expires  int64 // nanoseconds since 1970: until then it can be presented for the first time
	stateful bool  // negotiated with stateful reconnect
}

// owner tells a user from others, without naming it, in one token.
type owner [16]byte

func (t ticket) expired(now time.Time) bool { return t.expires <= now.UnixNano() }

// Layout of a connection token: the random part, when it expires in nanoseconds since 1970 with stateful as the last bit, its owner,
// and the signature, which covers the hub too.
const (
	signatureSize = 16
	expiryEnd     = len(token{}) + 8
	ownerEnd      = expiryEnd + len(owner{})
	tokenSize     = ownerEnd + signatureSize
)

func newTokens(lifetime time.Duration) *tokens {
	t := &tokens{lifetime: lifetime}
	_, _ = rand.Read(t.key[:]) // never fails
	return t
}

// issue returns a new token of the user's as it goes into ?id=, and the public connection id that belongs to it.
func (t *tokens) issue(hub, user string, stateful bool, now time.Time) (encoded, id string) {
	var b [tokenSize]byte
	_, _ = rand.Read(b[:len(token{})]) // never fails
	expires := uint64(now.Add(t.lifetime).UnixNano()) &^ 1
	if stateful {
		expires |= 1
	}
	binary.BigEndian.PutUint64(b[len(token{}):], expires)
	of := t.owner(token(b[:len(token{})]), user)
	copy(b[expiryEnd:], of[:])
	copy(b[ownerEnd:], t.sign(hub, b[:ownerEnd]))
	return base64.RawURLEncoding.EncodeToString(b[:]), t.id(token(b[:len(token{})]))
}

// check returns what encoded says, whether it is the user's, and false where this server has not issued it for hub. Whether it has expired is
// for the caller to see.
func (t *tokens) check(hub, user, encoded string) (_ ticket, own, ok bool) {
	if base64.RawURLEncoding.DecodedLen(len(encoded)) != tokenSize {
		return ticket{}, false, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded) // so that a token is written in one way
	if err != nil || !hmac.Equal(b[ownerEnd:], t.sign(hub, b[:ownerEnd])) {
		return ticket{}, false, false
	}
	expires := int64(binary.BigEndian.Uint64(b[len(token{}):])) //nolint:gosec // it was signed
	of := ticket{token: token(b[:len(token{})]), expires: expires &^ 1, stateful: expires&1 == 1}
	is := t.owner(of.token, user)
	return of, hmac.Equal(b[expiryEnd:ownerEnd], is[:]), true
}

// owner derives what a token says of its user.
func (t *tokens) owner(of token, user string) owner {
	return owner(t.sign("owner", append(of[:], user...)))
}

// id derives the connection id, which may be known to everyone and must not lead to the token.
func (t *tokens) id(of token) string {
	return base64.RawURLEncoding.EncodeToString(t.sign("connection id", of[:]))
}

func (t *tokens) sign(purpose string, data []byte) []byte {
	mac := hmac.New(sha256.New, t.key[:])
	_, _ = io.WriteString(mac, purpose+"\x00") // a hash never fails; the byte keeps purpose and data apart
	_, _ = mac.Write(data)
	return mac.Sum(nil)[:signatureSize]
}

// newID returns the id of a connection that was not negotiated.
func newID() string {
	var b [signatureSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
