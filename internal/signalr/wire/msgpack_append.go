package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// The functions here append one MessagePack value, in the shortest format that holds it, as MessagePackWriter does.

func appendPackNil(b []byte) []byte { return append(b, 0xc0) }

func appendPackBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

func appendPackInt(b []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendPackUint(b, uint64(n))
	case n >= -32:
		return append(b, byte(n)) //nolint:gosec // negative fixint: two's complement
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n)) //nolint:gosec // two's complement
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(n)) //nolint:gosec // two's complement
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n)) //nolint:gosec // two's complement
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n)) //nolint:gosec // two's complement
	}
}

func appendPackUint(b []byte, n uint64) []byte {
	switch {
	case n < 0x80:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), n)
	}
}

func appendPackFloat32(b []byte, f float32) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0xca), math.Float32bits(f))
}

func appendPackFloat64(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(f))
}

// appendPackText writes a string. Bytes that are not UTF-8 become U+FFFD each, as in encoding/json.
func appendPackText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return append(appendPackTextLength(b, len(s)), s...)
}

// appendPackBytes is appendPackText for bytes, without copying them first.
func appendPackBytes(b, text []byte) []byte {
	if !utf8.Valid(text) {
		return appendPackText(b, string(text))
	}
	return append(appendPackTextLength(b, len(text)), text...)
}

func appendPackTextLength(b []byte, n int) []byte {
	if n < 32 {
		return append(b, 0xa0|byte(n)) //nolint:gosec // below 32
	}
	return appendPackLength(b, n, 0xd9)
}

func appendPackBin(b, data []byte) []byte {
	return append(appendPackLength(b, len(data), 0xc4), data...)
}

// appendPackLength writes the length in 1, 2 or 4 bytes. first is the first byte of the format with 1.
func appendPackLength(b []byte, n int, first byte) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(b, first, byte(n)) //nolint:gosec // checked
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, first+1), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(b, first+2), uint32(n)) //nolint:gosec // no value of Herald's has 4 GiB
	}
}

const (
	packFixMap   = 0x80
	packMap16    = 0xde
	packFixArray = 0x90
	packArray16  = 0xdc
)

// appendPackArray begins an array of n elements.
func appendPackArray(b []byte, n int) []byte {
	at := len(b)
	return closePack(openPack(b), at, n, packFixArray, packArray16)
}

// openPack leaves room for the beginning of an array or a map whose number of elements is not known yet.
func openPack(b []byte) []byte { return append(b, 0) }

// closePack writes that beginning at b[at], now that n elements follow it. Most need only the byte that openPack
// left.
func closePack(b []byte, at, n int, fix, first byte) []byte {
	switch {
	case n < 16:
		b[at] = fix | byte(n) //nolint:gosec // below 16
	case n <= math.MaxUint16:
		b = slices.Insert(b, at+1, 0, 0)
		b[at] = first
		binary.BigEndian.PutUint16(b[at+1:], uint16(n))
	default:
		b = slices.Insert(b, at+1, 0, 0, 0, 0)
		b[at] = first + 1
		binary.BigEndian.PutUint32(b[at+1:], uint32(n)) //nolint:gosec // as many bytes at least are there
	}
	return b
}

// packTimestamp is the extension type of timestamps.
const packTimestamp = -1

// The first and the last second that RFC 3339 can write, since 1970.
const (
	firstSecond = -62167219200
	lastSecond  = 253402300799
)

var errTimeRange = errors.New("time is outside of the years 0 to 9999")

// appendPackTime writes a timestamp in 32, 64 or 96 bits.
func appendPackTime(b []byte, t time.Time) ([]byte, error) {
	const extension = 0xff                                   // -1
	seconds, nanoseconds := t.Unix(), uint64(t.Nanosecond()) //nolint:gosec // below 1e9
	switch {
	case seconds < firstSecond || seconds > lastSecond:
		return nil, errTimeRange
	case seconds < 0 || seconds>>34 != 0:
		b = append(b, 0xc7, 12, extension)
		b = binary.BigEndian.AppendUint32(b, uint32(nanoseconds))     //nolint:gosec // below 1e9
		return binary.BigEndian.AppendUint64(b, uint64(seconds)), nil //nolint:gosec // two's complement
	case nanoseconds == 0 && seconds <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xd6, extension), uint32(seconds)), nil
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xd7, extension), nanoseconds<<34|uint64(seconds)), nil
	}
}

// time returns the time of a timestamp.
func (t packed) time() (time.Time, error) {
	if t.kind != packExt || t.ext != packTimestamp {
		return time.Time{}, errors.New("not a timestamp")
	}
	var seconds int64
	var nanoseconds uint64
	switch len(t.bytes) {
	case 4:
		seconds = int64(binary.BigEndian.Uint32(t.bytes))
	case 8:
		both := binary.BigEndian.Uint64(t.bytes)
		seconds, nanoseconds = int64(both&(1<<34-1)), both>>34
	case 12:
		nanoseconds = uint64(binary.BigEndian.Uint32(t.bytes))
		seconds = int64(binary.BigEndian.Uint64(t.bytes[4:])) //nolint:gosec // two's complement
	default:
		return time.Time{}, errors.New("timestamp is not of 4, 8 or 12 bytes")
	}
	if nanoseconds >= uint64(time.Second) || seconds < firstSecond || seconds > lastSecond {
		return time.Time{}, errTimeRange
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC(), nil
}
