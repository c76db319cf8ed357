package wire

import (
	"encoding/json"
)

// ResultFrame frames a completion with a result. Its error is about the result.
func ResultFrame(p Protocol, invocationID string, result any) (Frame, error) {
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

// ItemFrame frames an item of a stream. Its error is about the item.
func ItemFrame(p Protocol, invocationID string, item any) (Frame, error) {
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

// newFrame frames what payload appends. The header is put right before the payload in the same array, so that nothing
// is copied and one frame is one slice.
func newFrame(p Protocol, payload func([]byte) []byte) Frame {
	return FrameOf(opCodeOf(p), payload(make([]byte, MaxHeader, usualFrame)))
}

// usualFrame has room for a message without arguments, and for most completions.
const usualFrame = 128

func opCodeOf(p Protocol) byte {
	if p.Binary() {
		return OpBinary
	}
	return OpText
}

// HandshakeFrame frames the response to a refused handshake: JSON in a text frame, whatever the protocol.
func HandshakeFrame(text string) Frame {
	return newFrame(JSON{}, func(b []byte) []byte { return appendHandshake(b, text) })
}

// GreetingFrame frames the response to an accepted handshake. It is JSON too, but in a frame of the protocol's kind:
// .NET sets the transport's format before it answers.
func GreetingFrame(p Protocol) Frame {
	return newFrame(p, func(b []byte) []byte { return appendHandshake(b, "") })
}

// CallFrame frames an invocation without an id. Its error is about the arguments.
func CallFrame(p Protocol, target string, arguments []any) (Frame, error) {
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

// InvocationFrame frames an invocation whose result is awaited.
func InvocationFrame(p Protocol, invocationID, target string, arguments []json.RawMessage) Frame {
	f := newFrame(p, func(b []byte) []byte { return p.appendInvocation(b, invocationID, target, arguments, nil) })
	f.Numbered = true
	return f
}

// EmptyFrame frames a completion without a result, that of a stream.
func EmptyFrame(p Protocol, invocationID string) Frame {
	f := newFrame(p, func(b []byte) []byte { return p.appendEmpty(b, invocationID) })
	f.Numbered = true
	return f
}

// ErrorFrame frames a completion with an error.
func ErrorFrame(p Protocol, invocationID, text string) Frame {
	f := newFrame(p, func(b []byte) []byte { return p.appendError(b, invocationID, text) })
	f.Numbered = true
	return f
}

// CloseFrame frames a Close message; the text may be empty.
func CloseFrame(p Protocol, text string, allowReconnect bool) Frame {
	return newFrame(p, func(b []byte) []byte { return p.appendClose(b, text, allowReconnect) })
}

// AckFrame frames an Ack of the messages up to sequenceID.
func AckFrame(p Protocol, sequenceID int64) Frame {
	return newFrame(p, func(b []byte) []byte { return p.appendAck(b, sequenceID) })
}

// SequenceFrame frames a Sequence: the next numbered message has the id sequenceID.
func SequenceFrame(p Protocol, sequenceID int64) Frame {
	return newFrame(p, func(b []byte) []byte { return p.appendSequence(b, sequenceID) })
}

// PingFrame frames a Ping.
func PingFrame(p Protocol) Frame { return newFrame(p, p.appendPing) }
