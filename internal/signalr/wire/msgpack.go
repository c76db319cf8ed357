package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
)

// messagePack is the MessagePack hub protocol (HubProtocol.md, MessagePackHubProtocol.cs), versions 1 and 2. To hub
// methods it is the same as JSON: values are what encoding/json would make of them. The exceptions are times and
// []byte, for which MessagePack has types, and the names of members, see [Names].
type messagePack struct {
	names Names
	types sync.Map // *goType by reflect.Type
}

func (*messagePack) Name() string              { return "messagepack" }
func (*messagePack) Slot() int                 { return 1 }
func (*messagePack) Supports(version int) bool { return version == 1 || version == 2 }
func (*messagePack) Binary() bool              { return true }

// NewMessagePack returns the MessagePack hub protocol with these names for members of the server's own objects.
func NewMessagePack(names Names) Protocol { return &messagePack{names: names} }

// maxPrefix is how many bytes the length in front of a record may take (BinaryMessageParser.cs). The length need not
// have its shortest form.
const maxPrefix = 5

// Split needs no scanned bytes: a record's length stands in front of it.
func (*messagePack) Split(data []byte, _, limit int) (record, rest []byte, ok bool, err error) {
	length, n := binary.Uvarint(data[:min(len(data), maxPrefix)])
	switch {
	case n < 0 || n == 0 && len(data) >= maxPrefix || length > math.MaxInt32:
		return nil, data, false, Malformedf("length prefix of more than 2 GB")
	case n == 0 && len(data) >= limit, n > 0 && int(length)+n > limit:
		return nil, data, false, ErrTooLarge
	case n == 0 || len(data)-n < int(length):
		return nil, data, false, nil
	}
	end := n + int(length)
	return data[n:end], data[end:], true, nil
}

// seal puts the length in front of the record b[start:].
func seal(b []byte, start int) []byte {
	var prefix [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(prefix[:], uint64(len(b)-start)) //nolint:gosec // not negative
	return slices.Insert(b, start, prefix[:n]...)
}

// appendHead begins a message with headers.
func appendHead(b []byte, elements int, kind byte, invocationID string) []byte {
	b = append(b, packFixArray|byte(elements), kind, packFixMap) //nolint:gosec // below 16
	if invocationID == "" {
		return appendPackNil(b)
	}
	return appendPackText(b, invocationID)
}

// appendInvocation sends nil for an argument that is not JSON: no caller takes an error.
func (p *messagePack) appendInvocation(
	b []byte, invocationID, target string, arguments []json.RawMessage, o *Object,
) []byte {
	start := len(b)
	b = appendHead(b, 6, TypeInvocation, invocationID)
	b = appendPackText(b, target)
	b = appendPackArray(b, len(arguments))
	for _, argument := range arguments {
		var from source
		if o != nil {
			from.own = &ownMembers{Object: o, names: p.names}
		}
		if encoded, err := appendPackFrom(b, argument, from); err == nil {
			b = encoded
		} else {
			b = appendPackNil(b)
		}
	}
	b = appendPackArray(b, 0) // no streams
	return seal(b, start)
}

func (p *messagePack) appendCall(b []byte, target string, arguments []any) ([]byte, error) {
	start := len(b)
	b = appendPackText(appendHead(b, 6, TypeInvocation, ""), target)
	b = appendPackArray(b, len(arguments))
	var err error
	for _, argument := range arguments {
		if b, err = p.appendValue(b, argument); err != nil {
			return nil, fmt.Errorf("encoding argument of %s: %w", target, err)
		}
	}
	return seal(appendPackArray(b, 0), start), nil
}

func (p *messagePack) appendItem(b []byte, invocationID string, item any) ([]byte, error) {
	start := len(b)
	b, err := p.appendValue(appendHead(b, 4, TypeStreamItem, invocationID), item)
	if err != nil {
		return nil, fmt.Errorf("encoding stream item: %w", err)
	}
	return seal(b, start), nil
}

// appendResult says that there is a result even where it is nil, as DefaultHubDispatcher does for a Task.
func (p *messagePack) appendResult(b []byte, invocationID string, result any) ([]byte, error) {
	start := len(b)
	b = append(appendHead(b, 5, TypeCompletion, invocationID), resultNonVoid)
	b, err := p.appendValue(b, result)
	if err != nil {
		return nil, fmt.Errorf("encoding result: %w", err)
	}
	return seal(b, start), nil
}

func (*messagePack) appendEmpty(b []byte, invocationID string) []byte {
	start := len(b)
	return seal(append(appendHead(b, 4, TypeCompletion, invocationID), resultVoid), start)
}

func (*messagePack) appendError(b []byte, invocationID, text string) []byte {
	start := len(b)
	b = append(appendHead(b, 5, TypeCompletion, invocationID), resultError)
	return seal(appendPackText(b, text), start)
}

func (*messagePack) appendPing(b []byte) []byte {
	return append(b, 2, packFixArray|1, typePing)
}

func (*messagePack) appendClose(b []byte, text string, allowReconnect bool) []byte {
	start := len(b)
	b = append(b, packFixArray|3, TypeClose)
	if text == "" {
		b = appendPackNil(b)
	} else {
		b = appendPackText(b, text)
	}
	return seal(appendPackBool(b, allowReconnect), start)
}

func (*messagePack) appendAck(b []byte, sequenceID int64) []byte {
	return seal(appendPackInt(append(b, packFixArray|2, TypeAck), sequenceID), len(b))
}

func (*messagePack) appendSequence(b []byte, sequenceID int64) []byte {
	return seal(appendPackInt(append(b, packFixArray|2, TypeSequence), sequenceID), len(b))
}
