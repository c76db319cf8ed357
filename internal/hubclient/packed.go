package hubclient

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// deepest is how deeply a server's records may nest: more than any client reads.
const deepest = 100

var errPacked = errors.New("server sent what is no MessagePack message")

// cutPacked cuts the first record off data, which holds whole records.
func cutPacked(data []byte) (record, rest []byte, err error) {
	length, prefix := binary.Uvarint(data)
	if prefix <= 0 || length > uint64(len(data)-prefix) { //nolint:gosec // not more than the prefix
		return nil, nil, errors.New("server sent an incomplete record")
	}
	end := prefix + int(length) //nolint:gosec // at most what there is
	return data[prefix:end], data[end:], nil
}

// unpack turns a message of the MessagePack protocol into a record of the JSON protocol. A message that the wire
// does not use becomes a ping: a sign of life.
func unpack(record []byte) ([]byte, error) {
	u := unpacking{d: msgpack.NewDecoder(bytes.NewReader(record))}
	elements, err := u.d.DecodeArrayLen()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	kind, err := u.d.DecodeInt()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	u.left = elements - 1
	switch kind {
	case typeInvocation:
		u.begin(kind)
		u.skip() // headers
		u.take("invocationId")
		u.take("target")
		u.take("arguments")
	case typeCompletion:
		u.begin(kind)
		u.skip()
		u.take("invocationId")
		switch u.integer() {
		case resultError:
			u.take("error")
		case resultGiven:
			u.take("result")
		}
	case typeClose:
		u.begin(kind)
		u.take("error")
		if u.left > 0 {
			u.take("allowReconnect")
		}
	default:
		u.begin(typePing)
	}
	if u.err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, u.err)
	}
	return append(u.b, '}'), nil
}

// The kinds of results of a completion.
const (
	resultError = 1
	resultGiven = 3
)

// unpacking builds a record. After its first error, all calls do nothing.
type unpacking struct {
	d    *msgpack.Decoder
	left int // elements of the message that are left
	b    []byte
	err  error
}

func (u *unpacking) begin(kind int) { u.b = fmt.Appendf(u.b, `{"type":%d`, kind) }

// more says whether there is one more element, and counts it as taken.
func (u *unpacking) more() bool {
	if u.err == nil && u.left <= 0 {
		u.err = errors.New("it is too short")
	}
	u.left--
	return u.err == nil
}

func (u *unpacking) skip() {
	if u.more() {
		u.err = u.d.Skip()
	}
}

func (u *unpacking) integer() (n int) {
	if u.more() {
		n, u.err = u.d.DecodeInt()
	}
	return n
}

// take makes the next element a member of the record. Nil is left out: JSON's records then have no invocationId or
// error.
func (u *unpacking) take(name string) {
	if !u.more() {
		return
	}
	if code, err := u.d.PeekCode(); err == nil && code == msgpcode.Nil && name != "result" {
		u.err = u.d.DecodeNil()
		return
	}
	u.b = append(append(append(u.b, `,"`...), name...), `":`...)
	u.b, u.err = appendUnpacked(u.b, u.d, 0)
}

// appendUnpacked appends a value as JSON: members in their order, which a Go map would not keep, a timestamp in RFC
// 3339, binary data in base64.
func appendUnpacked(b []byte, d *msgpack.Decoder, depth int) ([]byte, error) {
	code, err := d.PeekCode()
	switch {
	case err != nil:
		return nil, err //nolint:wrapcheck // unpack wraps it
	case depth > deepest:
		return nil, fmt.Errorf("it nests deeper than %d", deepest)
	case msgpcode.IsFixedArray(code), code == msgpcode.Array16, code == msgpcode.Array32:
		return appendUnpackedElements(b, d, depth)
	case msgpcode.IsFixedMap(code), code == msgpcode.Map16, code == msgpcode.Map32:
		return appendUnpackedMembers(b, d, depth)
	}
	v, err := d.DecodeInterface()
	if at, ok := v.(time.Time); ok {
		v = at.UTC()
	}
	return appendValue(b, v, err)
}

func appendUnpackedElements(b []byte, d *msgpack.Decoder, depth int) ([]byte, error) {
	n, err := d.DecodeArrayLen()
	b = append(b, '[')
	for i := 0; i < n && err == nil; i++ {
		if i > 0 {
			b = append(b, ',')
		}
		b, err = appendUnpacked(b, d, depth+1)
	}
	return append(b, ']'), err
}

func appendUnpackedMembers(b []byte, d *msgpack.Decoder, depth int) ([]byte, error) {
	n, err := d.DecodeMapLen()
	b = append(b, '{')
	for i := 0; i < n && err == nil; i++ {
		if i > 0 {
			b = append(b, ',')
		}
		var name string
		name, err = d.DecodeString()
		if b, err = appendValue(b, name, err); err == nil {
			b, err = appendUnpacked(append(b, ':'), d, depth+1)
		}
	}
	return append(b, '}'), err
}

// appendValue appends a Go value as JSON, unless err is set already.
func appendValue(b []byte, v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	buffer := bytes.NewBuffer(b)
	e := json.NewEncoder(buffer)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // unpack wraps it
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// pack turns a record of the JSON protocol, as philippseith's client writes it, into a message of the MessagePack
// protocol: an invocation, a ping, or a goodbye.
func pack(record []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimSuffix(record, []byte{recordSeparator})))
	d.UseNumber()
	var m struct {
		Type         int    `json:"type"`
		InvocationID string `json:"invocationId"`
		Target       string `json:"target"`
		Arguments    []any  `json:"arguments"`
	}
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("reading a record: %w", err)
	}
	var message []any
	switch m.Type {
	case typeInvocation:
		arguments, _ := packable(append([]any{}, m.Arguments...)).([]any) // it stays a list
		message = []any{m.Type, map[string]string{}, m.InvocationID, m.Target, arguments, []string{}}
	case typePing:
		message = []any{m.Type}
	case typeClose:
		message = []any{m.Type, nil}
	default:
		return nil, fmt.Errorf("a message of type %d is not sent over MessagePack", m.Type)
	}
	var packed bytes.Buffer
	e := msgpack.NewEncoder(&packed)
	e.UseCompactInts(true)
	if err := e.Encode(message); err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	return append(binary.AppendUvarint(nil, uint64(packed.Len())), packed.Bytes()...), nil //nolint:gosec // not negative
}

// packable gives the numbers of a decoded JSON value the types of MessagePack.
func packable(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // out of range: an infinity
		return f
	case []any:
		for i := range v {
			v[i] = packable(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = packable(v[name])
		}
	}
	return v
}
