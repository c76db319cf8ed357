package signalr

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// name takes a member's name and writes that which it has over MessagePack. It returns written false for a member that must be left out.
func (t *fromJSON) name(b []byte, own *ownMembers) (_ []byte, form Form, written bool, err error) {
	t.space()
	if own == nil {
		b, err = t.string(b)
		return b, AsItIs, true, err
	}
	start := t.pos
	if err := t.text(); err != nil {
		return nil, AsItIs, false, err
	}
	name := unquote(t.data[start:t.pos])
	if m := own.next(name); m != nil {
		return append(b, m.keys[own.names]...), m.Form, true, nil
	}
	return appendPackText(b, name), AsItIs, !own.hides(name), nil
}

// member writes a member's value in its form. What is not of that form, null for one, is written as it is.
func (t *fromJSON) member(b []byte, depth int, form Form) ([]byte, error) {
	t.space()
	start := t.pos
	if form == AsItIs || start == len(t.data) {
		return t.value(b, depth)
	}
	switch c := t.data[start]; {
	case form == Time && c == byte(str):
		if err := t.text(); err != nil {
			return nil, err
		}
		text := unquote(t.data[start:t.pos])
		var at time.Time
		if at.UnmarshalText([]byte(text)) == nil {
			if packed, err := appendPackTime(b, at); err == nil {
				return packed, nil
			}
		}
		return appendPackText(b, text), nil
	case form == Number && (c == '-' || c >= '0' && c <= '9'):
		if err := t.number(); err != nil {
			return nil, err
		}
		return appendPackWhole(b, string(t.data[start:t.pos])), nil
	default:
		return t.value(b, depth)
	}
}

// encodeRawMember writes a struct's field that holds JSON text: a number is what [Number] says, all else is as it is.
func encodeRawMember(b []byte, v reflect.Value, depth int) ([]byte, error) {
	text := bytes.TrimSpace(v.Bytes())
	if len(text) > 0 && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid(text) {
		return appendPackWhole(b, string(text)), nil
	}
	return encodeMarshaler(b, v, depth)
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
