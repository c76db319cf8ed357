package signalr

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// name takes a member's name and writes that which it has over MessagePack. It returns written false for a member that must
// be left out.
func (t *fromJSON) name(b []byte, from source) (_ []byte, member source, written bool, err error) {
	t.space()
	start := t.pos
	if err := t.text(); err != nil {
		return nil, source{}, false, err
	}
	raw := t.data[start:t.pos]
	if from.own != nil {
		name := unquote(raw)
		if m := from.own.next(name); m != nil {
			return append(b, m.keys[from.own.names]...), source{form: m.Form}, true, nil
		}
		return appendPackText(b, name), source{}, !from.own.hides(name), nil
	}
	switch from.value.Kind() {
	case reflect.Struct:
		var key []byte
		if member, key = from.field(raw[1 : len(raw)-1]); key != nil {
			return append(b, key...), member, true, nil
		}
	case reflect.Map:
		if saysMore(from.value.Type().Elem().Kind()) {
			member = from.entry(unquote(raw))
		}
	default:
	}
	return appendPackQuoted(b, raw), member, true, nil
}

// string takes a string. What is a time or binary data is written as that.
func (t *fromJSON) string(b []byte, from source) ([]byte, error) {
	start := t.pos
	if err := t.text(); err != nil {
		return nil, err
	}
	raw := t.data[start:t.pos]
	switch from.value.Kind() {
	case reflect.Slice: // of anything else JSON has an array
		return appendPackBin(b, from.value.Bytes()), nil
	case reflect.Struct: // no other struct is a string in JSON
		if from.value.CanInterface() {
			at, _ := reflect.TypeAssert[time.Time](from.value)
			return appendPackTime(b, at)
		}
	default:
	}
	if from.form == Time {
		var at time.Time
		if at.UnmarshalText([]byte(unquote(raw))) == nil {
			if packed, err := appendPackTime(b, at); err == nil {
				return packed, nil
			}
		}
	}
	return appendPackQuoted(b, raw), nil
}

// numeral takes a number.
func (t *fromJSON) numeral(b []byte, from source) ([]byte, error) {
	start := t.pos
	if err := t.number(); err != nil {
		return nil, err
	}
	switch from.value.Kind() {
	case reflect.Float32:
		return appendPackFloat32(b, float32(from.value.Float())), nil
	case reflect.Float64:
		return appendPackFloat64(b, from.value.Float()), nil
	default:
	}
	text := string(t.data[start:t.pos])
	if from.form == Number {
		return appendPackWhole(b, text), nil
	}
	return appendPackNumber(b, text), nil
}

// appendPackWhole is appendPackNumber, but for numbers whose value is whole: those are integers, however they are written.
func appendPackWhole(b []byte, text string) []byte {
	if digits, ok := wholeDigits(text); ok {
		text = digits
	}
	return appendPackNumber(b, text)
}

// wholeDigits returns a JSON number without fraction and exponent, or false where it is not whole, or has more digits than any integer of
// 64 bits.
func wholeDigits(text string) (string, bool) {
	const most = 20 // of an unsigned integer of 64 bits
	digits, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(text[i+1:]); err != nil {
			exponent = math.MaxInt32 // or as far below zero; neither is a whole number of 64 bits, but for 0
			if text[i+1] == '-' {
				exponent = -exponent
			}
		}
		digits = text[:i]
	}
	digits, negative := strings.CutPrefix(digits, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	point := len(digits) - len(fraction) + exponent // how many of the digits stand before it
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
