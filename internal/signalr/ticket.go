package signalr

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// token is the random part of a connection token. The zero token is nobody's: such a connection was not negotiated.
type token [16]byte

// tickets issues and checks connection tokens. They are sealed instead of stored, so that negotiating costs the server no
// memory, however often it is done: nobody can fill a store, or push others out of one. And so that every server that has the
// key can read what another has issued.
type tickets struct {
	sealer   Sealer
	node     string
	lifetime time.Duration
	now      func() time.Time
}

func newTickets(sealer Sealer, node string, lifetime time.Duration, now func() time.Time) *tickets {
	return &tickets{sealer: sealer, node: node, lifetime: lifetime, now: now}
}

// ticket is what a connection has of its connection token.
type ticket struct {
	token    token
	expires  int64 // nanoseconds since 1970: until then it can be presented for the first time
	stateful bool  // negotiated with stateful reconnect
}

// presented is a ticket as a request shows it.
type presented struct {
	ticket

	node string // that issued it
	own  bool   // it is the ticket of the user who shows it
}

// owner tells a user from others, without naming it, in one token.
type owner [16]byte

func (t ticket) expired(now time.Time) bool { return t.expires <= now.UnixNano() }

// Layout of a ticket before it is sealed: the random part, when it expires in nanoseconds since 1970 with stateful as the last bit,
// its owner, and the name of the node that issued it. What it is sealed with covers the hub too.
const (
	expiryEnd = len(token{}) + 8
	ownerEnd  = expiryEnd + len(owner{})
	// maxNode is how long a node's name may be, in bytes.
	maxNode = 64
	// maxSealed is how long a ticket may be, whatever seals it.
	maxSealed = 256
	// ticketVersion is sealed with each ticket. A new layout needs a new one: nodes of two releases work side by side.
	ticketVersion = "SignalR connection ticket 1\x00"
)

// issue returns a new token of the user's as it goes into ?id=, and the public connection id that belongs to it.
func (t *tickets) issue(hub, user string, stateful bool) (encoded, id string) {
	var space [ownerEnd + maxNode]byte
	b := space[:ownerEnd]
	_, _ = rand.Read(b[:len(token{})]) // never fails
	expires := uint64(t.now().Add(t.lifetime).UnixNano()) &^ 1
	if stateful {
		expires |= 1
	}
	binary.BigEndian.PutUint64(b[len(token{}):], expires)
	of := token(b)
	is := of.owner(user)
	copy(b[expiryEnd:], is[:])
	b = append(b, t.node...)
	return base64.RawURLEncoding.EncodeToString(t.sealer.Seal(b, ticketVersion+hub)), of.id()
}

// check returns what encoded says, and false where it was not issued for hub. Whether it has expired, and whose it is, the caller has to see.
func (t *tickets) check(ctx context.Context, hub, user, encoded string) (presented, bool) {
	if base64.RawURLEncoding.DecodedLen(len(encoded)) > maxSealed {
		return presented{}, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded) // so that a token is written in one way
	if err != nil {
		return presented{}, false
	}
	b, ok := t.sealer.Open(ctx, sealed, ticketVersion+hub)
	if !ok || len(b) < ownerEnd {
		return presented{}, false
	}
	expires := int64(binary.BigEndian.Uint64(b[len(token{}):])) //nolint:gosec // it was sealed
	of := token(b)
	is := of.owner(user)
	return presented{
		ticket: ticket{token: of, expires: expires &^ 1, stateful: expires&1 == 1},
		node:   string(b[ownerEnd:]),
		own:    subtle.ConstantTimeCompare(b[expiryEnd:ownerEnd], is[:]) == 1,
	}, true
}

// owner derives what a token says of its user. Nobody can try users against it: it is sealed.
func (t token) owner(user string) owner {
	is := t.derive("owner", user)
	return owner(is[:len(owner{})])
}

// id derives the connection id, which may be known to everyone and does not lead to the token: that is 128 random bits, so that no key
// is needed, and every node derives the same one.
func (t token) id() string {
	id := t.derive("connection id", "")
	return base64.RawURLEncoding.EncodeToString(id[:idSize])
}

func (t token) derive(purpose, of string) [sha256.Size]byte {
	b := make([]byte, 0, 128) //nolint:mnd // on the stack, unless the user's id is long
	b = append(append(b, purpose...), 0)
	return sha256.Sum256(append(append(b, t[:]...), of...))
}

const idSize = 16

// newID returns the id of a connection that was not negotiated.
func newID() string {
	var b [idSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
