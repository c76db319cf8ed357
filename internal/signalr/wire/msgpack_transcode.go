package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/jsonscan"
)

// maxNesting is how deeply the server's own messages may nest.
const maxNesting = 1000

// appendPackJSON writes JSON text as MessagePack: an integer that int64 or uint64 holds as an integer, and all other
// numbers as float64.
func appendPackJSON(b, text []byte) ([]byte, error) { return appendPackFrom(b, text, source{}) }

// appendPackFrom is appendPackJSON for text whose source is known.
func appendPackFrom(b, text []byte, from source) ([]byte, error) {
	t := fromJSON{jsonscan.New(text, maxNesting)}
	b, err := t.value(b, from)
	if err == nil && !t.End() {
		err = errors.New("something follows the value")
	}
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return b, nil
}

type fromJSON struct{ jsonscan.Scanner }

func (t *fromJSON) value(b []byte, from source) ([]byte, error) {
	if from.value.IsValid() {
		from = from.resolved()
	}
	switch t.Peek() {
	case '{':
		return t.object(b, from)
	case '[':
		return t.array(b, from)
	case '"':
		return t.string(b, from)
	case 't':
		return appendPackBool(b, true), t.Literal("true")
	case 'f':
		return appendPackBool(b, false), t.Literal("false")
	case 'n':
		return appendPackNil(b), t.Literal("null")
	default:
		return t.number(b, from)
	}
}

func (t *fromJSON) object(b []byte, from source) ([]byte, error) {
	at, n := len(b), 0
	b = openPack(b)
	if err := t.Open('{'); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		if more, err := t.More(first, '}'); err != nil {
			return nil, err
		} else if !more {
			return closePack(b, at, n, packFixMap, packMap16), nil
		}
		name, err := t.Name()
		if err != nil {
			return nil, err
		}
		named, member, written := from.appendName(b, name)
		valued, err := t.value(named, member)
		switch {
		case err != nil:
			return nil, err
		case written:
			b = valued
			n++
		}
	}
}

func (t *fromJSON) array(b []byte, from source) ([]byte, error) {
	at, n := len(b), 0
	b = openPack(b)
	if err := t.Open('['); err != nil {
		return nil, err
	}
	for {
		more, err := t.More(n == 0, ']')
		switch {
		case err != nil:
			return nil, err
		case !more:
			return closePack(b, at, n, packFixArray, packArray16), nil
		}
		if b, err = t.value(b, from.element(n)); err != nil {
			return nil, err
		}
		n++
	}
}

// appendPackNumber writes a JSON number. A number that no float64 holds becomes an infinity, as JavaScript reads it.
// -0 is a float, because no integer has a negative zero.
func appendPackNumber(b []byte, text string) []byte {
	if !strings.ContainsAny(text, ".eE") && text != "-0" {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return appendPackInt(b, n)
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return appendPackUint(b, n)
		}
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range: it returns the infinity
	return appendPackFloat64(b, f)
}

// appendJSON takes one value and writes it as JSON: binary data in base64, a timestamp in RFC 3339. Values that JSON
// lacks are an error: NaN and infinities, other extensions, map keys that are neither strings nor integers.
func (u *unpacker) appendJSON(b []byte, depth int) ([]byte, error) {
	t, err := u.next()
	if err != nil {
		return nil, err
	}
	switch t.kind {
	case packNil:
		return append(b, "null"...), nil
	case packBool:
		return strconv.AppendBool(b, t.bits == 1), nil
	case packInt:
		return t.appendInteger(b), nil
	case packFloat32:
		return appendJSON(b, math.Float32frombits(uint32(t.bits))) //nolint:gosec // read from 32 bits
	case packFloat64:
		return appendJSON(b, math.Float64frombits(t.bits))
	case packStr:
		return appendQuoted(b, string(t.bytes)), nil
	case packBin:
		b = base64.StdEncoding.AppendEncode(append(b, '"'), t.bytes)
		return append(b, '"'), nil
	case packExt:
		at, err := t.time()
		if err != nil {
			return nil, fmt.Errorf("extension %d: %w", t.ext, err)
		}
		b = at.AppendFormat(append(b, '"'), time.RFC3339Nano)
		return append(b, '"'), nil
	case packMap:
		return u.appendObject(b, t.count, depth)
	default:
		return u.appendArray(b, t.count, depth)
	}
}

func (u *unpacker) appendArray(b []byte, elements uint32, depth int) ([]byte, error) {
	if depth >= maxDepth {
		return nil, errPackDepth
	}
	b = append(b, '[')
	for i := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = u.appendJSON(b, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func (u *unpacker) appendObject(b []byte, pairs uint32, depth int) ([]byte, error) {
	if depth >= maxDepth {
		return nil, errPackDepth
	}
	b = append(b, '{')
	for i := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := u.next()
		if err != nil {
			return nil, err
		}
		switch key.kind {
		case packStr:
			b = appendQuoted(b, string(key.bytes))
		case packInt:
			b = append(key.appendInteger(append(b, '"')), '"')
		default:
			return nil, errors.New("map key is neither a string nor an integer")
		}
		if b, err = u.appendJSON(append(b, ':'), depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func (t packed) appendInteger(b []byte) []byte {
	if t.negative {
		return strconv.AppendInt(b, int64(t.bits), 10) //nolint:gosec // two's complement
	}
	return strconv.AppendUint(b, t.bits, 10)
}

// unpackJSON returns a MessagePack value as JSON.
func unpackJSON(raw []byte) (json.RawMessage, error) {
	u := unpacker{data: raw}
	b, err := u.appendJSON(make([]byte, 0, len(raw)+len(raw)/4+16), 0)
	if err == nil && u.pos != len(raw) {
		err = errors.New("something follows the value")
	}
	if err != nil {
		return nil, fmt.Errorf("transcoding MessagePack: %w", err)
	}
	return b, nil
}
