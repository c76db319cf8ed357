package wire

import "encoding/binary"

// Frame is an entry of a connection's queue: bytes ready to be written.
type Frame struct {
	Bytes  []byte // a whole WebSocket frame
	Header uint8  // where the payload begins; other transports send the payload alone
	// Numbered says that stateful reconnect gives the message an id, and keeps it until the client acknowledges it.
	Numbered bool
}

// Payload returns the frame without its header.
func (f *Frame) Payload() []byte { return f.Bytes[f.Header:] }

// The kinds of frames that carry messages (RFC 6455, section 5.2).
const (
	OpText   byte = 0x1
	OpBinary byte = 0x2
)

// MaxHeader is the longest header of an unmasked WebSocket frame (RFC 6455, section 5.2).
const MaxHeader = 10

// FrameOf frames b[MaxHeader:]. The header is put right before it in the same array, so that nothing is copied.
func FrameOf(opCode byte, b []byte) Frame {
	const final = 0x80
	size := len(b) - MaxHeader
	var start int
	switch {
	case size < 126:
		start = MaxHeader - 2
		b[start+1] = byte(size) //nolint:gosec // below 126
	case size <= 0xffff:
		start = MaxHeader - 4
		b[start+1] = 126
		binary.BigEndian.PutUint16(b[start+2:], uint16(size))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(size))
	}
	b[start] = final | opCode
	return Frame{Bytes: b[start:], Header: uint8(MaxHeader - start)}
}

// ControlFrame frames a WebSocket control message.
func ControlFrame(opCode byte, payload []byte) Frame {
	return FrameOf(opCode, append(make([]byte, MaxHeader, MaxHeader+len(payload)), payload...))
}

// Size returns how many bytes frames have, with their headers.
func Size(frames []*Frame) int {
	bytes := 0
	for _, f := range frames {
		bytes += len(f.Bytes)
	}
	return bytes
}
