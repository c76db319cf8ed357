package wire

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// recordSeparator ends every record of the JSON protocol and of the handshake. JSON text cannot contain it.
const recordSeparator = 0x1e

// JSON is the JSON hub protocol, versions 1 and 2. Version 2 adds the messages of stateful reconnect, which a client
// sends only where negotiate has offered it.
type JSON struct{}

// Name implements [Protocol].
func (JSON) Name() string { return "json" }

// Slot implements [Protocol].
func (JSON) Slot() int { return 0 }

// Supports implements [Protocol].
func (JSON) Supports(version int) bool { return version == 1 || version == 2 }

// Binary implements [Protocol].
func (JSON) Binary() bool { return false }

// Split implements [Protocol].
func (JSON) Split(data []byte, scanned, limit int) (record, rest []byte, ok bool, err error) {
	i := bytes.IndexByte(data[scanned:], recordSeparator)
	if i < 0 && len(data) >= limit || scanned+i >= limit {
		return nil, data, false, ErrTooLarge
	}
	if i < 0 {
		return nil, data, false, nil
	}
	return data[:scanned+i], data[scanned+i+1:], true, nil
}

// Elements implements [Protocol].
func (JSON) Elements(dst [][]byte, arguments []byte) [][]byte {
	eachElement(arguments, maxDepth, func(raw []byte) { dst = append(dst, raw) }) // cannot fail: Parse has accepted it
	return dst
}

func (JSON) isNull(raw []byte) bool { return len(raw) > 0 && raw[0] == byte(null) }

// Decode decodes a plain string, such as a UUID, by its own UnmarshalText where there is one, without reflection.
func (JSON) Decode(raw []byte, into any) error {
	if u, ok := into.(encoding.TextUnmarshaler); ok && raw[0] == byte(str) && bytes.IndexByte(raw, '\\') < 0 {
		if err := u.UnmarshalText(raw[1 : len(raw)-1]); err != nil {
			return fmt.Errorf("decoding text: %w", err)
		}
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decoding JSON: %w", err)
	}
	return nil
}

// appendInvocation needs no Object, which describes JSON.
func (JSON) appendInvocation(b []byte, invocationID, target string, arguments []json.RawMessage, _ *Object) []byte {
	b = appendInvocationStart(b, invocationID, target)
	for i, argument := range arguments {
		if i > 0 {
			b = append(b, ',')
		}
		if len(argument) == 0 {
			argument = json.RawMessage("null")
		}
		b = append(b, argument...)
	}
	return append(b, invocationEnd...)
}

func (JSON) appendCall(b []byte, target string, arguments []any) ([]byte, error) {
	b = appendInvocationStart(b, "", target)
	for i, argument := range arguments {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, argument); err != nil {
			return nil, fmt.Errorf("encoding argument of %s: %w", target, err)
		}
	}
	return append(b, invocationEnd...), nil
}

// appendInvocationStart appends what stands before the first argument; invocationEnd follows the last one.
func appendInvocationStart(b []byte, invocationID, target string) []byte {
	b = append(b, `{"type":1,`...)
	if invocationID != "" {
		b = append(b, `"invocationId":`...)
		b = appendQuoted(b, invocationID)
		b = append(b, ',')
	}
	b = append(b, `"target":`...)
	b = appendQuoted(b, target)
	return append(b, `,"arguments":[`...)
}

const invocationEnd = "]}\x1e"

func (JSON) appendItem(b []byte, invocationID string, item any) ([]byte, error) {
	b = append(b, `{"type":2,"invocationId":`...)
	b = appendQuoted(b, invocationID)
	b = append(b, `,"item":`...)
	b, err := appendJSON(b, item)
	if err != nil {
		return nil, fmt.Errorf("encoding stream item: %w", err)
	}
	return append(b, "}\x1e"...), nil
}

func (JSON) appendResult(b []byte, invocationID string, result any) ([]byte, error) {
	b = append(b, `{"type":3,"invocationId":`...)
	b = appendQuoted(b, invocationID)
	b = append(b, `,"result":`...)
	b, err := appendJSON(b, result)
	if err != nil {
		return nil, fmt.Errorf("encoding result: %w", err)
	}
	return append(b, "}\x1e"...), nil
}

func appendJSON(b []byte, value any) ([]byte, error) {
	if value == nil {
		return append(b, "null"...), nil
	}
	buffer := bytes.NewBuffer(b)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err //nolint:wrapcheck // the callers say of what
	}
	return buffer.Bytes()[:buffer.Len()-1], nil // without the encoder's line feed
}

func (JSON) appendEmpty(b []byte, invocationID string) []byte {
	b = append(b, `{"type":3,"invocationId":`...)
	b = appendQuoted(b, invocationID)
	return append(b, "}\x1e"...)
}

func (JSON) appendError(b []byte, invocationID, text string) []byte {
	b = append(b, `{"type":3,"invocationId":`...)
	b = appendQuoted(b, invocationID)
	b = append(b, `,"error":`...)
	b = appendQuoted(b, text)
	return append(b, "}\x1e"...)
}

func (JSON) appendPing(b []byte) []byte { return append(b, "{\"type\":6}\x1e"...) }

func (JSON) appendClose(b []byte, text string, allowReconnect bool) []byte {
	b = append(b, `{"type":7`...)
	if text != "" {
		b = append(b, `,"error":`...)
		b = appendQuoted(b, text)
	}
	if allowReconnect {
		b = append(b, `,"allowReconnect":true`...)
	}
	return append(b, "}\x1e"...)
}

func (JSON) appendAck(b []byte, sequenceID int64) []byte {
	b = append(b, `{"type":8,"sequenceId":`...)
	b = strconv.AppendInt(b, sequenceID, 10)
	return append(b, "}\x1e"...)
}

func (JSON) appendSequence(b []byte, sequenceID int64) []byte {
	b = append(b, `{"type":9,"sequenceId":`...)
	b = strconv.AppendInt(b, sequenceID, 10)
	return append(b, "}\x1e"...)
}

// appendHandshake writes the handshake's response: empty text for success.
func appendHandshake(b []byte, text string) []byte {
	b = append(b, '{')
	if text != "" {
		b = append(b, `"error":`...)
		b = appendQuoted(b, text)
	}
	return append(b, "}\x1e"...)
}

// appendQuoted writes s as a JSON string that escapes only what must be escaped, as .NET's relaxed encoder does.
// Bytes that are not UTF-8 become U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	if isPlain(s) {
		b = append(b, s...)
		return append(b, '"')
	}
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&0xf])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// isPlain says whether nothing in s needs an escape, which holds for nearly all names and ids.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
