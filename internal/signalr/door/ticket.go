package door

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Token is the random part of a connection token. A connection that was not negotiated has the zero token.
type Token [16]byte

// Tickets issues and checks connection tokens. They are sealed instead of stored, so that negotiating costs the
// server no memory, however often it is done: an attacker cannot fill a store, or push others out of one. And every
// server that has the key can read the tickets of the others.
type Tickets struct {
	sealer   Sealer
	node     string
	lifetime time.Duration
	now      func() time.Time
}

// NewTickets returns an issuer of the node's tickets, sealed by sealer. They may be presented for the first time
// within lifetime of now.
func NewTickets(sealer Sealer, node string, lifetime time.Duration, now func() time.Time) *Tickets {
	return &Tickets{sealer: sealer, node: node, lifetime: lifetime, now: now}
}

// Ticket is what a connection keeps of its connection token.
type Ticket struct {
	Token    Token
	Expires  int64 // nanoseconds since 1970: until then it can be presented for the first time
	Stateful bool  // negotiated with stateful reconnect
}

// Presented is a ticket as a request shows it.
type Presented struct {
	Ticket

	Node string // the issuer
	Own  bool   // the user who shows it is its owner
}

// owner tells a user from others within one token, without naming the user.
type owner [16]byte

// Expired says whether the ticket can no longer be presented for the first time.
func (t Ticket) Expired(now time.Time) bool { return t.Expires <= now.UnixNano() }

// The layout of a ticket before it is sealed: the random part, when it expires in nanoseconds since 1970 with
// stateful as the last bit, its owner, and the name of the node that issued it. The seal covers the hub too.
const (
	expiryEnd = len(Token{}) + 8
	ownerEnd  = expiryEnd + len(owner{})
	// MaxNodeName is how long a node's name may be, in bytes.
	MaxNodeName = 64
	// maxSealed is how long a sealed ticket may be, whatever the sealer.
	maxSealed = 256
	// ticketVersion is sealed with each ticket. A new layout needs a new version: nodes of two releases work side by
	// side.
	ticketVersion = "SignalR connection ticket 1\x00"
)

// Issue returns a new token of the user's in the form of ?id=, and the public connection id that belongs to it.
func (t *Tickets) Issue(hub, user string, stateful bool) (encoded, id string) {
	var space [ownerEnd + MaxNodeName]byte
	b := space[:ownerEnd]
	_, _ = rand.Read(b[:len(Token{})]) // never fails
	expires := uint64(t.now().Add(t.lifetime).UnixNano()) &^ 1
	if stateful {
		expires |= 1
	}
	binary.BigEndian.PutUint64(b[len(Token{}):], expires)
	of := Token(b)
	is := of.owner(user)
	copy(b[expiryEnd:], is[:])
	b = append(b, t.node...)
	return base64.RawURLEncoding.EncodeToString(t.sealer.Seal(b, ticketVersion+hub)), of.ID()
}

// Check returns the ticket in encoded, and false where it was not issued for hub. The caller must check its expiry
// and its owner.
func (t *Tickets) Check(ctx context.Context, hub, user, encoded string) (Presented, bool) {
	if base64.RawURLEncoding.DecodedLen(len(encoded)) > maxSealed {
		return Presented{}, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded) // so that a token has one form
	if err != nil {
		return Presented{}, false
	}
	b, ok := t.sealer.Open(ctx, sealed, ticketVersion+hub)
	if !ok || len(b) < ownerEnd {
		return Presented{}, false
	}
	expires := int64(binary.BigEndian.Uint64(b[len(Token{}):])) //nolint:gosec // it was sealed
	of := Token(b)
	is := of.owner(user)
	return Presented{
		Ticket: Ticket{Token: of, Expires: expires &^ 1, Stateful: expires&1 == 1},
		Node:   string(b[ownerEnd:]),
		Own:    subtle.ConstantTimeCompare(b[expiryEnd:ownerEnd], is[:]) == 1,
	}, true
}

// owner derives a token's mark of its user. An attacker cannot test guessed users against it: it is sealed.
func (t Token) owner(user string) owner {
	is := t.derive("owner", user)
	return owner(is[:len(owner{})])
}

// ID derives the connection id, which is public and does not lead to the token. The token is 128 random bits, so no
// key is needed, and every node derives the same id.
func (t Token) ID() string {
	id := t.derive("connection id", "")
	return base64.RawURLEncoding.EncodeToString(id[:idSize])
}

func (t Token) derive(purpose, of string) [sha256.Size]byte {
	b := make([]byte, 0, 128) //nolint:mnd // on the stack, unless the user's id is long
	b = append(append(b, purpose...), 0)
	return sha256.Sum256(append(append(b, t[:]...), of...))
}

const idSize = 16

// NewID returns the id of a connection that was not negotiated.
func NewID() string {
	var b [idSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
