package peers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	// ticketHeader carries one node's statement about a request, and its signature; proofHeader carries the other
	// node's proof.
	ticketHeader = "X-Herald-Node"
	proofHeader  = "X-Herald-Node-Proof"

	// validity is how old a request may be by the database's clock, as the other node knows it, and how far in the
	// future.
	validity = 30 * time.Second

	longestTicket = 2 << 10
	longestHost   = 512
	macSeparator  = "&mac="
)

// ticket is what a node tells about a request that it sends to another.
type ticket struct {
	key      int32
	from, to uuid.UUID
	at       time.Time
	number   uint64
	client   netip.Addr // invalid: not known
	secure   bool       // the client came by TLS
	host     string     // that the client asked for
}

// encode writes t without its signature.
func (t ticket) encode() string {
	v := url.Values{
		"v": {"1"}, "key": {strconv.Itoa(int(t.key))}, "from": {t.from.String()}, "to": {t.to.String()},
		"at": {strconv.FormatInt(t.at.UnixMilli(), 10)}, "n": {strconv.FormatUint(t.number, 10)}, "host": {t.host},
	}
	if t.client.IsValid() {
		v.Set("for", t.client.String())
	}
	if t.secure {
		v.Set("proto", "https")
	}
	return v.Encode()
}

var errNoTicket = errors.New("no ticket of a node")

// decode reads what encode wrote, and the signature behind it.
func decode(text string) (t ticket, signed string, mac []byte, err error) {
	if text == "" || len(text) > longestTicket {
		return ticket{}, "", nil, errNoTicket
	}
	end := strings.LastIndex(text, macSeparator)
	if end < 0 {
		return ticket{}, "", nil, errNoTicket
	}
	signed = text[:end]
	mac, err = base64.RawURLEncoding.Strict().DecodeString(text[end+len(macSeparator):])
	if err != nil || len(mac) != sha256.Size {
		return ticket{}, "", nil, errNoTicket
	}
	v, err := url.ParseQuery(signed)
	if err != nil || v.Get("v") != "1" {
		return ticket{}, "", nil, errNoTicket
	}
	key, keyErr := strconv.ParseInt(v.Get("key"), 10, 32)
	at, atErr := strconv.ParseInt(v.Get("at"), 10, 64)
	number, numberErr := strconv.ParseUint(v.Get("n"), 10, 64)
	from, fromErr := uuid.Parse(v.Get("from"))
	to, toErr := uuid.Parse(v.Get("to"))
	t = ticket{
		key: int32(key), from: from, to: to, at: time.UnixMilli(at), number: number,
		secure: v.Get("proto") == "https", host: v.Get("host"),
	}
	var clientErr error
	if v.Has("for") {
		t.client, clientErr = netip.ParseAddr(v.Get("for"))
	}
	if err := errors.Join(keyErr, atErr, numberErr, fromErr, toErr, clientErr); err != nil {
		return ticket{}, "", nil, errNoTicket
	}
	return t, signed, mac, nil
}

// unsigned are the headers that the HTTP library sets, changes or removes on the way. They say how a message is
// carried, not what it is.
var unsigned = []string{ //nolint:gochecknoglobals // a table
	"Accept-Encoding", "Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Connection", "Te",
	"Trailer", "Transfer-Encoding",
	"Upgrade", "User-Agent", ticketHeader,
}

// sign signs a request: the ticket's text, the method, path and query, and all headers that mean anything. The body
// is not signed: it is passed on as it comes.
func sign(key *[keySize]byte, ticket, method, uri string, header http.Header) []byte {
	mac := hmac.New(sha256.New, key[:])
	put := func(texts ...string) { // a hash never fails
		for _, text := range texts {
			_, _ = io.WriteString(mac, text)
			_, _ = mac.Write([]byte{0}) // none of the texts holds this byte
		}
	}
	put("request", ticket, method, uri)
	names := make([]string, 0, len(header))
	for name := range header {
		if !slices.Contains(unsigned, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		put(name, strconv.Itoa(len(header[name])))
		put(header[name]...)
	}
	return mac.Sum(nil)
}

// What a proof says: that the addressed node answers, or that another node does.
const (
	answers = "answer"
	misled  = "another node"
)

// prove makes the proof for a signature: only a node that has seen the request can.
func prove(key *[keySize]byte, says string, signature []byte) string {
	mac := hmac.New(sha256.New, key[:])
	_, _ = io.WriteString(mac, says+"\x00") // a hash never fails
	_, _ = mac.Write(signature)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

var errNoKey = errors.New("the nodes share no key yet")

// seal signs a request to another node and returns the proofs that the answer may carry. The request's method, URL
// and headers must not change after that.
func (p *Peers) seal(
	r *http.Request, to uuid.UUID, client netip.Addr, host string, secure bool,
) (expected proofs, err error) {
	id, key, ok := p.keys.newest()
	if !ok {
		return proofs{}, errNoKey
	}
	if len(host) > longestHost {
		host = ""
	}
	text := ticket{
		key: id, from: p.cfg.Node, to: to, at: p.cfg.Now(), number: p.number.Add(1), client: client,
		secure: secure, host: host,
	}.encode()
	signature := sign(key, text, r.Method, r.URL.RequestURI(), r.Header)
	r.Header.Set(ticketHeader, text+macSeparator+base64.RawURLEncoding.EncodeToString(signature))
	return proofs{prove(key, answers, signature), prove(key, misled, signature)}, nil
}

// proofs are the two that an answer may carry.
type proofs struct{ own, other string }

// open says which node sent a request to this one and what its ticket tells, or why the request is refused, and the
// proof for the answer.
func (p *Peers) open(ctx context.Context, r *http.Request) (t ticket, proof string, refusal Refusal) {
	values := r.Header.Values(ticketHeader)
	if len(values) != 1 {
		return ticket{}, "", NotSigned
	}
	t, signed, signature, err := decode(values[0])
	if err != nil {
		return ticket{}, "", NotSigned
	}
	key, ok := p.keys.find(ctx, t.key)
	if !ok || !hmac.Equal(signature, sign(key, signed, r.Method, r.RequestURI, r.Header)) {
		return ticket{}, "", WrongKey
	}
	// Only a node's signature gets here: an attacker who replays one learns no more than others.
	switch {
	case t.to != p.cfg.Node:
		return t, prove(key, misled, signature), OtherNode
	case t.from == p.cfg.Node || p.cfg.Now().Sub(t.at).Abs() > validity:
		return t, "", OtherTime
	}
	if refusal := p.replays.take(t.from, t.number); refusal != "" {
		return t, "", refusal
	}
	return t, prove(key, answers, signature), ""
}
