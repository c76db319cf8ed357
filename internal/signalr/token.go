package signalr

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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

// Layout of a connection token: the random part, when it expires in nanoseconds since 1970, and the signature, which covers
// the hub too.
const (
	signatureSize = 16
	tokenSize     = len(token{}) + 8 + signatureSize
)

func newTokens(lifetime time.Duration) *tokens {
	t := &tokens{lifetime: lifetime}
	_, _ = rand.Read(t.key[:]) // never fails
	return t
}

// issue returns a new token as it goes into ?id=, and the public connection id that belongs to it.
func (t *tokens) issue(hub string, now time.Time) (encoded, id string) {
	var b [tokenSize]byte
	_, _ = rand.Read(b[:len(token{})])                                                   // never fails
	binary.BigEndian.PutUint64(b[len(token{}):], uint64(now.Add(t.lifetime).UnixNano())) //nolint:gosec // after 1970
	copy(b[tokenSize-signatureSize:], t.sign(hub, b[:tokenSize-signatureSize]))
	return base64.RawURLEncoding.EncodeToString(b[:]), t.id(token(b[:len(token{})]))
}

// check returns what encoded says, and false where this server has not issued it for hub. Whether it has expired is for
// the caller to see.
func (t *tokens) check(hub, encoded string) (_ token, expires int64, ok bool) {
	if base64.RawURLEncoding.DecodedLen(len(encoded)) != tokenSize {
		return token{}, 0, false
	}
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !hmac.Equal(b[tokenSize-signatureSize:], t.sign(hub, b[:tokenSize-signatureSize])) {
		return token{}, 0, false
	}
	return token(b[:len(token{})]), int64(binary.BigEndian.Uint64(b[len(token{}):])), true //nolint:gosec // it was signed
}

// id derives the connection id, which may be known to everyone and must not lead to the token.
func (t *tokens) id(of token) string {
	return base64.RawURLEncoding.EncodeToString(t.sign("connection id", of[:]))
}

func (t *tokens) sign(purpose string, data []byte) []byte {
	mac := hmac.New(sha256.New, t.key[:])
	_, _ = mac.Write([]byte{byte(len(purpose))}) // a hash never fails
	_, _ = mac.Write([]byte(purpose))
	_, _ = mac.Write(data)
	return mac.Sum(nil)[:signatureSize]
}

// newID returns the id of a connection that was not negotiated.
func newID() string {
	var b [signatureSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
