package wire

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
)

func (*messagePack) Elements(dst [][]byte, arguments []byte) [][]byte {
	u := unpacker{data: arguments}
	t, err := u.next() // neither this nor skip can fail: Parse has accepted it
	if err != nil {
		return dst
	}
	for range t.count {
		start := u.pos
		if u.skip(1) != nil {
			return dst
		}
		dst = append(dst, arguments[start:u.pos])
	}
	return dst
}

func (*messagePack) isNull(raw []byte) bool { return len(raw) > 0 && raw[0] == 0xc0 }

// Decode gives a hub method the value that JSON would give it. All goes through encoding/json, except frequent types
// whose value cannot differ.
func (*messagePack) Decode(raw []byte, into any) error {
	u := unpacker{data: raw}
	t, err := u.next()
	if err != nil {
		return fmt.Errorf("decoding MessagePack: %w", err)
	}
	if done, err := t.decode(into); done {
		return err
	}
	text, err := unpackJSON(raw)
	if err != nil {
		return err
	}
	if into, ok := into.(*json.RawMessage); ok {
		*into = text
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("decoding JSON: %w", err)
	}
	return nil
}

// decode decodes the values that need no JSON; for others it returns false.
func (t packed) decode(into any) (bool, error) {
	switch t.kind {
	case packStr:
		return t.decodeText(into)
	case packInt:
		n, ok := t.integer()
		if !ok {
			return false, nil
		}
		switch into := into.(type) {
		case *int64:
			*into = n
			return true, nil
		case *int:
			*into = int(n)
			return int64(*into) == n, nil
		}
	case packBin:
		if into, ok := into.(*[]byte); ok {
			*into = bytes.Clone(t.bytes)
			return true, nil
		}
	default:
	}
	return false, nil
}

func (t packed) decodeText(into any) (bool, error) {
	switch into := into.(type) {
	case *string:
		*into = validText(t.bytes)
		return true, nil
	case encoding.TextUnmarshaler: // as the JSON protocol does
		if err := into.UnmarshalText(t.bytes); err != nil {
			return true, fmt.Errorf("decoding text: %w", err)
		}
		return true, nil
	}
	return false, nil
}
