package signalr

import (
	"encoding/json"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// resultFrame frames a completion with a result. Its error is about the result.
func resultFrame(p protocol, invocationID string, result any) (wire.Frame, error) {
	var err error
	f := newFrame(p, func(b []byte) []byte {
		var encoded []byte
		if encoded, err = p.appendResult(b, invocationID, result); err != nil {
			return b
		}
		return encoded
	})
	f.Numbered = true
	return f, err
}

// itemFrame frames an item of a stream. Its error is about the item.
func itemFrame(p protocol, invocationID string, item any) (wire.Frame, error) {
	var err error
	f := newFrame(p, func(b []byte) []byte {
		var encoded []byte
		if encoded, err = p.appendItem(b, invocationID, item); err != nil {
			return b
		}
		return encoded
	})
	f.Numbered = true
	return f, err
}

// newFrame frames what payload appends. The header is put right before the payload in the same array, so that nothing is
// copied and one frame is one slice.
func newFrame(p protocol, payload func([]byte) []byte) wire.Frame {
	return wire.FrameOf(opCodeOf(p), payload(make([]byte, wire.MaxHeader, usualFrame)))
}

// usualFrame has room for a message without arguments, and for most completions.
const usualFrame = 128

func opCodeOf(p protocol) byte {
	if p.binary() {
		return wire.OpBinary
	}
	return wire.OpText
}

// handshakeFrame frames the response to a handshake that is refused: JSON in a text frame, whatever the protocol.
func handshakeFrame(text string) wire.Frame {
	return newFrame(jsonProtocol{}, func(b []byte) []byte { return appendHandshake(b, text) })
}

// greetingFrame frames the response to a handshake that is accepted. It is JSON too, but in a frame of the protocol's kind:
// .NET sets the transport's format before it answers.
func greetingFrame(p protocol) wire.Frame {
	return newFrame(p, func(b []byte) []byte { return appendHandshake(b, "") })
}

// callFrame frames an invocation without an id. Its error is about the arguments.
func callFrame(p protocol, target string, arguments []any) (wire.Frame, error) {
	var err error
	f := newFrame(p, func(b []byte) []byte {
		var encoded []byte
		if encoded, err = p.appendCall(b, target, arguments); err != nil {
			return b
		}
		return encoded
	})
	f.Numbered = true
	return f, err
}

// invocationFrame frames an invocation whose result is awaited.
func invocationFrame(p protocol, invocationID, target string, arguments []json.RawMessage) wire.Frame {
	f := newFrame(p, func(b []byte) []byte { return p.appendInvocation(b, invocationID, target, arguments, nil) })
	f.Numbered = true
	return f
}

// emptyFrame frames a completion without a result: of a stream.
func emptyFrame(p protocol, invocationID string) wire.Frame {
	f := newFrame(p, func(b []byte) []byte { return p.appendEmpty(b, invocationID) })
	f.Numbered = true
	return f
}

// errorFrame frames a completion with an error.
func errorFrame(p protocol, invocationID, text string) wire.Frame {
	f := newFrame(p, func(b []byte) []byte { return p.appendError(b, invocationID, text) })
	f.Numbered = true
	return f
}

// closeFrame frames a Close message; the text may be empty.
func closeFrame(p protocol, text string, allowReconnect bool) wire.Frame {
	return newFrame(p, func(b []byte) []byte { return p.appendClose(b, text, allowReconnect) })
}

// ackFrame frames an Ack of the messages up to that number.
func ackFrame(p protocol, sequenceID int64) wire.Frame {
	return newFrame(p, func(b []byte) []byte { return p.appendAck(b, sequenceID) })
}

// sequenceFrame frames a Sequence: the next numbered message has this number.
func sequenceFrame(p protocol, sequenceID int64) wire.Frame {
	return newFrame(p, func(b []byte) []byte { return p.appendSequence(b, sequenceID) })
}

// pingFrame frames a Ping.
func pingFrame(p protocol) wire.Frame { return newFrame(p, p.appendPing) }
