package signalr

import "encoding/binary"

// frame is what waits in a connection's queue: bytes ready to be written.
type frame struct {
	bytes  []byte // a whole WebSocket frame
	header uint8  // where the payload begins; other transports send the payload alone
	// numbered says that stateful reconnect gives the message an id and keeps it until the client has it.
	numbered bool
}

// payload is the frame without its header.
func (f *frame) payload() []byte { return f.bytes[f.header:] }

// The kinds of frames that carry messages (RFC 6455, section 5.2).
const (
	opText   byte = 0x1
	opBinary byte = 0x2
)

// maxHeader is the longest header of an unmasked WebSocket frame (RFC 6455, section 5.2).
const maxHeader = 10

// frameOf frames b[maxHeader:].
func frameOf(opCode byte, b []byte) frame {
	const final = 0x80
	size := len(b) - maxHeader
	var start int
	switch {
	case size < 126:
		start = maxHeader - 2
		b[start+1] = byte(size) //nolint:gosec // below 126
	case size <= 0xffff:
		start = maxHeader - 4
		b[start+1] = 126
		binary.BigEndian.PutUint16(b[start+2:], uint16(size))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(size))
	}
	b[start] = final | opCode
	return frame{bytes: b[start:], header: uint8(maxHeader - start)}
}

// controlFrame frames a WebSocket control message.
func controlFrame(opCode byte, payload []byte) frame {
	return frameOf(opCode, append(make([]byte, maxHeader, maxHeader+len(payload)), payload...))
}
