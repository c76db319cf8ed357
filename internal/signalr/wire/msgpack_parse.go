package wire

import (
	"math"
	"slices"
	"unicode/utf8"
)

// Parse follows MessagePackHubProtocolWorker.ParseMessage. It ignores elements beyond those of a message's type,
// types that do not exist yet, and bytes behind the array. A fault in an invocation's arguments, missing ones
// included, is the invocation's error and not the connection's; the elements behind them are then not read. Unlike
// .NET it otherwise requires a well-formed array.
func (*messagePack) Parse(record []byte) (Inbound, error) {
	r := recordReader{unpacker: unpacker{data: record}}
	m, err := r.message()
	if err != nil {
		return Inbound{}, err
	}
	for ; r.elements > 0; r.elements-- {
		if err := r.skip(1); err != nil {
			return Inbound{}, malformed(err)
		}
	}
	return m, nil
}

// malformed makes an error of the unpacker one that ends the connection.
func malformed(err error) error { return Malformedf("%v", err) }

// recordReader reads the elements of a message's array.
type recordReader struct {
	unpacker
	elements uint32 // that were not taken yet
}

func (r *recordReader) message() (Inbound, error) {
	t, err := r.next()
	if err != nil {
		return Inbound{}, malformed(err)
	}
	if t.kind != packArray {
		return Inbound{}, Malformedf("not a MessagePack array")
	}
	r.elements = t.count
	kind, err := r.integer("messageType", math.MinInt32, math.MaxInt32)
	if err != nil {
		return Inbound{}, err
	}
	m := Inbound{Kind: int(kind)}
	switch m.Kind {
	case TypeInvocation, TypeStreamInvocation, TypeStreamItem, TypeCompletion, TypeCancelInvocation:
		err = r.addressed(&m)
	case TypeClose:
		err = r.close(&m)
	case TypeAck, TypeSequence:
		m.SequenceID, err = r.integer("sequenceId", math.MinInt64, math.MaxInt64)
		m.HasSequence = true
	}
	return m, err
}

// addressed reads a message with headers and an invocation's id. Nil and empty are no id, which only an invocation
// may lack.
func (r *recordReader) addressed(m *Inbound) error {
	if err := r.headers(); err != nil {
		return err
	}
	var err error
	if m.InvocationID, _, err = r.text("invocationId"); err != nil {
		return err
	}
	if m.InvocationID == "" && m.Kind != TypeInvocation {
		return Malformedf("message without invocationId")
	}
	switch m.Kind {
	case TypeStreamItem:
		m.Item, err = r.raw("item")
	case TypeCompletion:
		err = r.completion(m)
	case TypeInvocation, TypeStreamInvocation:
		err = r.invocation(m)
	}
	return err
}

func (r *recordReader) invocation(m *Inbound) error {
	var err error
	if m.Target, m.HasTarget, err = r.text("target"); err != nil {
		return err
	}
	if m.Target == "" {
		return Malformedf("invocation without target")
	}
	start := r.pos
	t, err := r.element("arguments", packArray)
	if err == nil {
		err = r.skipElements(t, 1)
	}
	if err != nil {
		m.Unbound, r.elements = err, 0
		return nil //nolint:nilerr // it is the invocation's
	}
	m.Arguments = r.data[start:r.pos]
	if r.elements == 0 { // an older client sends no stream ids
		return nil
	}
	return r.streams(m)
}

func (r *recordReader) streams(m *Inbound) error {
	t, err := r.element("streamIds", packArray)
	if err != nil {
		return err
	}
	for range t.count {
		id, err := r.next()
		if err != nil {
			return malformed(err)
		}
		if id.kind != packStr || len(id.bytes) == 0 {
			return Malformedf("element of 'streamIds' is not a string, or empty")
		}
		m.StreamIDs = append(m.StreamIDs, validText(id.bytes))
	}
	return nil
}

// The kinds of results.
const (
	resultError   = 1
	resultVoid    = 2
	resultNonVoid = 3
)

func (r *recordReader) completion(m *Inbound) error {
	kind, err := r.integer("resultKind", math.MinInt32, math.MaxInt32)
	if err != nil {
		return err
	}
	switch kind {
	case resultError:
		m.Err, m.HasError, err = r.text("error")
	case resultNonVoid:
		m.Result, err = r.raw("result")
	case resultVoid:
	default:
		err = Malformedf("unknown kind of result %d", kind)
	}
	return err
}

func (r *recordReader) close(m *Inbound) error {
	var err error
	if m.Err, m.HasError, err = r.text("error"); err != nil || r.elements == 0 {
		return err
	}
	_, err = r.element("allowReconnect", packBool)
	return err
}

// headers checks the map of headers, which is not used.
func (r *recordReader) headers() error {
	t, err := r.element("headers", packMap)
	if err != nil {
		return err
	}
	for range 2 * uint64(t.count) {
		text, err := r.next()
		if err != nil {
			return malformed(err)
		}
		if text.kind != packStr || len(text.bytes) == 0 {
			return Malformedf("key or value in 'headers' is not a string, or empty")
		}
	}
	return nil
}

// element takes the next element of the message's array, or the beginning of one that is a container.
func (r *recordReader) element(name string, kinds ...packKind) (packed, error) {
	if r.elements == 0 {
		return packed{}, Malformedf("message without '%s'", name)
	}
	r.elements--
	t, err := r.next()
	if err != nil {
		return t, malformed(err)
	}
	if !slices.Contains(kinds, t.kind) {
		return t, Malformedf("element '%s' has the wrong type", name)
	}
	return t, nil
}

func (r *recordReader) integer(name string, least, most int64) (int64, error) {
	t, err := r.element(name, packInt)
	if err != nil {
		return 0, err
	}
	n, ok := t.integer()
	if !ok || n < least || n > most {
		return 0, Malformedf("element '%s' is out of range", name)
	}
	return n, nil
}

// text returns ok false for nil.
func (r *recordReader) text(name string) (text string, ok bool, err error) {
	t, err := r.element(name, packStr, packNil)
	if err != nil || t.kind == packNil {
		return "", false, err
	}
	return validText(t.bytes), true, nil
}

// raw returns an element as it is.
func (r *recordReader) raw(name string) ([]byte, error) {
	if r.elements == 0 {
		return nil, Malformedf("message without '%s'", name)
	}
	r.elements--
	start := r.pos
	if err := r.skip(1); err != nil {
		return nil, malformed(err)
	}
	return r.data[start:r.pos], nil
}

// validText returns b with U+FFFD for bytes that are not UTF-8, as .NET's reader does.
func validText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}
