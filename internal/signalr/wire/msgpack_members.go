package wire

import (
	"bytes"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/jsonscan"
)

// appendName writes a member's name over MessagePack, and returns the member's source. written is false for a member
// that must be left out.
func (s source) appendName(b, name []byte) (_ []byte, member source, written bool) {
	if s.own != nil {
		if m := s.own.next(name); m != nil {
			return append(b, m.keys[s.own.names]...), source{form: m.Form}, true
		}
		return appendPackBytes(b, name), source{}, !s.own.hides(string(name))
	}
	switch s.value.Kind() {
	case reflect.Struct:
		var key []byte
		if member, key = s.field(name); key != nil {
			return append(b, key...), member, true
		}
	case reflect.Map:
		if saysMore(s.value.Type().Elem().Kind()) {
			member = s.entry(string(name))
		}
	default:
	}
	return appendPackBytes(b, name), member, true
}

// string takes a string. It writes a time as a timestamp, and binary data as binary data.
func (t *fromJSON) string(b []byte, from source) ([]byte, error) {
	raw, err := t.Text()
	if err != nil {
		return nil, err
	}
	switch from.value.Kind() {
	case reflect.Slice: // binary data: JSON has any other slice as an array
		return appendPackBin(b, from.value.Bytes()), nil
	case reflect.Struct: // a time: no other struct is a string in JSON
		if from.value.CanInterface() {
			at, _ := reflect.TypeAssert[time.Time](from.value)
			return appendPackTime(b, at)
		}
	default:
	}
	if from.form == Time {
		var at time.Time
		if at.UnmarshalText([]byte(jsonscan.Unquote(raw))) == nil {
			if packed, err := appendPackTime(b, at); err == nil {
				return packed, nil
			}
		}
	}
	if text := raw[1 : len(raw)-1]; bytes.IndexByte(text, '\\') < 0 {
		return appendPackBytes(b, text), nil
	}
	return appendPackText(b, jsonscan.Unquote(raw)), nil
}

// number takes a number. It writes a float as a float.
func (t *fromJSON) number(b []byte, from source) ([]byte, error) {
	text, err := t.Number()
	if err != nil {
		return nil, err
	}
	switch from.value.Kind() {
	case reflect.Float32:
		return appendPackFloat32(b, float32(from.value.Float())), nil
	case reflect.Float64:
		return appendPackFloat64(b, from.value.Float()), nil
	default:
	}
	if from.form == Number {
		return appendPackWhole(b, string(text)), nil
	}
	return appendPackNumber(b, string(text)), nil
}

// appendPackWhole is appendPackNumber, except that a whole number becomes an integer, however it is written.
func appendPackWhole(b []byte, text string) []byte {
	if digits, ok := wholeDigits(text); ok {
		text = digits
	}
	return appendPackNumber(b, text)
}

// wholeDigits returns a JSON number without fraction and exponent. It returns false where the number is not whole, or
// has more digits than any integer of 64 bits.
func wholeDigits(text string) (string, bool) {
	const most = 20 // of an unsigned integer of 64 bits
	digits, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(text[i+1:]); err != nil {
			exponent = math.MaxInt32 // or as far below zero; neither is a whole number of 64 bits, except 0
			if text[i+1] == '-' {
				exponent = -exponent
			}
		}
		digits = text[:i]
	}
	digits, negative := strings.CutPrefix(digits, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	point := len(digits) - len(fraction) + exponent // how many of the digits stand before the point
	switch {
	case digits == "":
		return "0", true
	case point <= 0 || point > most || point < len(digits) && strings.Trim(digits[point:], "0") != "":
		return "", false
	case point < len(digits):
		digits = digits[:point]
	default:
		digits += strings.Repeat("0", point-len(digits))
	}
	if negative {
		digits = "-" + digits
	}
	return digits, true
}
