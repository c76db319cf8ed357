package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// unpacker walks MessagePack (github.com/msgpack/msgpack/blob/master/spec.md) without building anything. Its results
// point into data. It never allocates by an announced length.
type unpacker struct {
	data []byte
	pos  int
}

var (
	errPackShort    = errors.New("MessagePack ends too early")
	errPackReserved = errors.New("0xc1 is not MessagePack")
	errPackDepth    = fmt.Errorf("MessagePack nests deeper than %d", maxDepth)
)

// packKind is the sort of a MessagePack value, whatever its format.
type packKind byte

const (
	packNil packKind = iota
	packBool
	packInt
	packFloat32
	packFloat64
	packStr
	packBin
	packExt
	packArray
	packMap
)

// packed is a value, or the beginning of an array or a map, whose elements follow.
type packed struct {
	kind     packKind
	negative bool   // of an integer
	ext      int8   // the type of an extension
	count    uint32 // elements of an array, pairs of a map
	bits     uint64 // an integer in two's complement, a float as IEEE 754 has it, 1 for true
	bytes    []byte // of a string, binary data, or an extension
}

// next takes a value, or the beginning of an array or a map.
func (u *unpacker) next() (packed, error) {
	if u.pos == len(u.data) {
		return packed{}, errPackShort
	}
	c := u.data[u.pos]
	u.pos++
	switch {
	case c < 0x80:
		return packed{kind: packInt, bits: uint64(c)}, nil
	case c < 0x90:
		return container(packMap, uint64(c&0x0f)), nil
	case c < 0xa0:
		return container(packArray, uint64(c&0x0f)), nil
	case c < 0xc0:
		return u.blob(packStr, uint64(c&0x1f))
	case c >= 0xe0:
		return signed(int64(int8(c))), nil //nolint:gosec // negative fixint: the byte is the number
	}
	return u.long(c)
}

// long takes what follows c, the first byte of a longer format or of a value that is no number. The sizes of these
// formats double from one to the next.
func (u *unpacker) long(c byte) (packed, error) {
	switch c {
	case 0xc0:
		return packed{kind: packNil}, nil
	case 0xc2, 0xc3:
		return packed{kind: packBool, bits: uint64(c & 1)}, nil
	case 0xc4, 0xc5, 0xc6:
		return u.sized(packBin, 1<<(c-0xc4))
	case 0xc7, 0xc8, 0xc9:
		return u.extension(1 << (c - 0xc7))
	case 0xca, 0xcb:
		bits, err := u.number(4 << (c - 0xca))
		return packed{kind: packFloat32 + packKind(c-0xca), bits: bits}, err
	case 0xcc, 0xcd, 0xce, 0xcf:
		bits, err := u.number(1 << (c - 0xcc))
		return packed{kind: packInt, bits: bits}, err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		width := 1 << (c - 0xd0)
		bits, err := u.number(width)
		unused := 64 - 8*width
		return signed(int64(bits<<unused) >> unused), err //nolint:gosec // two's complement
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return u.typed(1 << (c - 0xd4))
	case 0xd9, 0xda, 0xdb:
		return u.sized(packStr, 1<<(c-0xd9))
	case 0xdc, 0xdd:
		count, err := u.number(2 << (c - 0xdc))
		return container(packArray, count), err
	case 0xde, 0xdf:
		count, err := u.number(2 << (c - 0xde))
		return container(packMap, count), err
	default:
		return packed{}, errPackReserved
	}
}

func signed(n int64) packed {
	return packed{kind: packInt, negative: n < 0, bits: uint64(n)} //nolint:gosec // two's complement
}

// number takes a big-endian number of width bytes.
func (u *unpacker) number(width int) (uint64, error) {
	b, err := u.take(uint64(width)) //nolint:gosec // 1 to 8
	if err != nil {
		return 0, err
	}
	switch width {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), nil
	default:
		return binary.BigEndian.Uint64(b), nil
	}
}

func (u *unpacker) take(n uint64) ([]byte, error) {
	if n > uint64(len(u.data)-u.pos) { //nolint:gosec // pos is within data
		return nil, errPackShort
	}
	start := u.pos
	u.pos += int(n) //nolint:gosec // at most what there is
	return u.data[start:u.pos], nil
}

func (u *unpacker) blob(kind packKind, length uint64) (packed, error) {
	b, err := u.take(length)
	return packed{kind: kind, bytes: b}, err
}

func (u *unpacker) sized(kind packKind, width int) (packed, error) {
	length, err := u.number(width)
	if err != nil {
		return packed{}, err
	}
	return u.blob(kind, length)
}

func (u *unpacker) extension(width int) (packed, error) {
	length, err := u.number(width)
	if err != nil {
		return packed{}, err
	}
	return u.typed(length)
}

// typed takes an extension's type and its data.
func (u *unpacker) typed(length uint64) (packed, error) {
	ext, err := u.number(1)
	if err != nil {
		return packed{}, err
	}
	t, err := u.blob(packExt, length)
	t.ext = int8(ext) //nolint:gosec // two's complement
	return t, err
}

func container(kind packKind, count uint64) packed {
	return packed{kind: kind, count: uint32(count)} //nolint:gosec // read from 32 bits or fewer
}

// skip takes one value, depth levels below the top.
func (u *unpacker) skip(depth int) error {
	t, err := u.next()
	if err != nil {
		return err
	}
	return u.skipElements(t, depth)
}

// skipElements takes the elements of t, which begins a value depth levels below the top.
func (u *unpacker) skipElements(t packed, depth int) error {
	n := uint64(t.count)
	switch t.kind {
	case packArray:
	case packMap:
		n *= 2
	default:
		return nil
	}
	if depth >= maxDepth {
		return errPackDepth
	}
	for range n {
		if err := u.skip(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// integer returns an integer that fits int64.
func (t packed) integer() (int64, bool) {
	if t.kind != packInt || !t.negative && t.bits > math.MaxInt64 {
		return 0, false
	}
	return int64(t.bits), true //nolint:gosec // two's complement, or checked
}
