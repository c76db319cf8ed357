package signalr

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// encodeFunc appends a value of the one type that it was made for. Depth counts what it is nested in.
type encodeFunc func(b []byte, v reflect.Value, depth int) ([]byte, error)

// appendValue writes any Go value as encoding/json would, except that a []byte becomes binary data and a [time.Time] a
// timestamp, as with .NET.
func (p *messagePackProtocol) appendValue(b []byte, value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return appendPackNil(b), nil
	case string:
		return appendPackText(b, value), nil
	case bool:
		return appendPackBool(b, value), nil
	case int:
		return appendPackInt(b, int64(value)), nil
	case int64:
		return appendPackInt(b, value), nil
	}
	v := reflect.ValueOf(value)
	return p.encoder(v.Type())(b, v, 0)
}

// encoder returns the one encoder of a type. Encoders of a type's elements are looked up when they are needed, so that a type
// may contain itself.
func (p *messagePackProtocol) encoder(t reflect.Type) encodeFunc {
	found, ok := p.encoders.Load(t)
	if !ok {
		found, _ = p.encoders.LoadOrStore(t, p.newEncoder(t, true, false))
	}
	f, _ := found.(encodeFunc) // nothing else is stored
	return f
}

// newEncoder chooses as newTypeEncoder of encoding/json does. A type whose pointer marshals itself does so where there is a
// pointer to be had. Quoted is the option ",string" of a field's tag.
func (p *messagePackProtocol) newEncoder(t reflect.Type, addressable, quoted bool) encodeFunc {
	marshaler, texter := reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()
	byPointer := addressable && t.Kind() != reflect.Pointer
	switch {
	case t == reflect.TypeFor[time.Time]():
		return encodeTime
	case t == reflect.TypeFor[*time.Time]():
		return p.pointerEncoder(quoted, t)
	case byPointer && reflect.PointerTo(t).Implements(marshaler):
		return ifAddressable(encodeMarshaler, p.newEncoder(t, false, quoted))
	case t.Implements(marshaler):
		return encodeMarshaler
	case byPointer && reflect.PointerTo(t).Implements(texter):
		return ifAddressable(encodeTexter, p.newEncoder(t, false, quoted))
	case t.Implements(texter):
		return encodeTexter
	}
	switch t.Kind() {
	case reflect.Pointer:
		return p.pointerEncoder(quoted, t)
	case reflect.Interface:
		return p.encodeInterface
	case reflect.Struct:
		return p.structEncoder(t)
	case reflect.Map:
		return p.mapEncoder(t)
	case reflect.Slice:
		return p.sliceEncoder(t)
	case reflect.Array:
		return p.encodeElements
	default:
		if quoted {
			return encodeQuoted
		}
		return scalarEncoder(t)
	}
}

func ifAddressable(pointer, value encodeFunc) encodeFunc {
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.CanAddr() {
			return pointer(b, v.Addr(), depth)
		}
		return value(b, v, depth)
	}
}

func encodeTime(b []byte, v reflect.Value, _ int) ([]byte, error) {
	t, _ := reflect.TypeAssert[time.Time](v) // it is one
	return appendPackTime(b, t)
}

func encodeMarshaler(b []byte, v reflect.Value, _ int) ([]byte, error) {
	m, ok := reflect.TypeAssert[json.Marshaler](v)
	if !ok || v.Kind() == reflect.Pointer && v.IsNil() {
		return appendPackNil(b), nil
	}
	text, err := m.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("calling MarshalJSON of %s: %w", v.Type(), err)
	}
	b, err = appendPackJSON(b, text)
	if err != nil {
		return nil, fmt.Errorf("reading what MarshalJSON of %s returned: %w", v.Type(), err)
	}
	return b, nil
}

func encodeTexter(b []byte, v reflect.Value, _ int) ([]byte, error) {
	m, ok := reflect.TypeAssert[encoding.TextMarshaler](v)
	if !ok || v.Kind() == reflect.Pointer && v.IsNil() {
		return appendPackNil(b), nil
	}
	text, err := m.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("calling MarshalText of %s: %w", v.Type(), err)
	}
	return appendPackText(b, string(text)), nil
}

func (p *messagePackProtocol) pointerEncoder(quoted bool, t reflect.Type) encodeFunc {
	encode := func(b []byte, v reflect.Value, depth int) ([]byte, error) { return p.encoder(t.Elem())(b, v, depth) }
	if quoted {
		encode = p.newEncoder(t.Elem(), true, true)
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		switch {
		case v.IsNil():
			return appendPackNil(b), nil
		case depth > maxNesting:
			return nil, errNesting
		}
		return encode(b, v.Elem(), depth+1)
	}
}

func (p *messagePackProtocol) encodeInterface(b []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return appendPackNil(b), nil
	}
	return p.encoder(v.Elem().Type())(b, v.Elem(), depth)
}

func (p *messagePackProtocol) sliceEncoder(t reflect.Type) encodeFunc {
	encode := p.encodeElements
	if t.Elem().Kind() == reflect.Uint8 && !reflect.PointerTo(t.Elem()).Implements(reflect.TypeFor[json.Marshaler]()) &&
		!reflect.PointerTo(t.Elem()).Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		encode = func(b []byte, v reflect.Value, _ int) ([]byte, error) { return appendPackBin(b, v.Bytes()), nil }
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return appendPackNil(b), nil
		}
		return encode(b, v, depth)
	}
}

func (p *messagePackProtocol) encodeElements(b []byte, v reflect.Value, depth int) ([]byte, error) {
	if depth > maxNesting {
		return nil, errNesting
	}
	encode := p.encoder(v.Type().Elem())
	b = appendPackArray(b, v.Len())
	var err error
	for i := range v.Len() {
		if b, err = encode(b, v.Index(i), depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// mapEncoder sorts by key, so that the same value has the same bytes.
func (p *messagePackProtocol) mapEncoder(t reflect.Type) encodeFunc {
	key := keyText(t.Key())
	if key == nil {
		return unsupported
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		switch {
		case v.IsNil():
			return appendPackNil(b), nil
		case depth > maxNesting:
			return nil, errNesting
		}
		type pair struct {
			key   string
			value reflect.Value
		}
		pairs := make([]pair, 0, v.Len())
		for entry := v.MapRange(); entry.Next(); {
			text, err := key(entry.Key())
			if err != nil {
				return nil, err
			}
			pairs = append(pairs, pair{text, entry.Value()})
		}
		slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		encode, at := p.encoder(t.Elem()), len(b)
		b = openPack(b)
		var err error
		for _, pair := range pairs {
			if b, err = encode(appendPackText(b, pair.key), pair.value, depth+1); err != nil {
				return nil, err
			}
		}
		return closePack(b, at, len(pairs), packFixMap, packMap16), nil
	}
}

// keyText returns what makes a map's key a string: numbers are written out, as in JSON. It returns nil for what cannot be one.
func keyText(t reflect.Type) func(reflect.Value) (string, error) {
	switch {
	case t.Kind() == reflect.String:
		return func(v reflect.Value) (string, error) { return v.String(), nil }
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return func(v reflect.Value) (string, error) {
			m, ok := reflect.TypeAssert[encoding.TextMarshaler](v)
			if !ok || v.Kind() == reflect.Pointer && v.IsNil() {
				return "", nil
			}
			text, err := m.MarshalText()
			if err != nil {
				return "", fmt.Errorf("calling MarshalText of %s: %w", v.Type(), err)
			}
			return string(text), nil
		}
	case reflect.Zero(t).CanInt():
		return func(v reflect.Value) (string, error) { return strconv.FormatInt(v.Int(), 10), nil }
	case reflect.Zero(t).CanUint():
		return func(v reflect.Value) (string, error) { return strconv.FormatUint(v.Uint(), 10), nil }
	}
	return nil
}

func scalarEncoder(t reflect.Type) encodeFunc {
	zero := reflect.Zero(t)
	switch {
	case t == reflect.TypeFor[json.Number]():
		return encodeNumber
	case t.Kind() == reflect.String:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return appendPackText(b, v.String()), nil }
	case t.Kind() == reflect.Bool:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return appendPackBool(b, v.Bool()), nil }
	case zero.CanInt():
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return appendPackInt(b, v.Int()), nil }
	case zero.CanUint():
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return appendPackUint(b, v.Uint()), nil }
	case zero.CanFloat():
		return encodeFloat
	default:
		return unsupported
	}
}

func unsupported(_ []byte, v reflect.Value, _ int) ([]byte, error) {
	return nil, fmt.Errorf("unsupported type: %s", v.Type())
}

// encodeFloat refuses what JSON cannot say, so that a method's result does not depend on the caller's protocol.
func encodeFloat(b []byte, v reflect.Value, _ int) ([]byte, error) {
	f := v.Float()
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, fmt.Errorf("unsupported value: %v", f)
	case v.Kind() == reflect.Float32:
		return appendPackFloat32(b, float32(f)), nil
	default:
		return appendPackFloat64(b, f), nil
	}
}

func encodeNumber(b []byte, v reflect.Value, _ int) ([]byte, error) {
	text := v.String()
	if text == "" {
		text = "0" // as encoding/json has it
	}
	if s := (scanner{data: []byte(text)}); s.number() != nil || s.pos != len(text) {
		return nil, errors.New("json.Number is not a number: " + strconv.Quote(text))
	}
	return appendPackNumber(b, text), nil
}

// encodeQuoted writes a number, a truth value or a string as a string that holds its JSON.
func encodeQuoted(b []byte, v reflect.Value, _ int) ([]byte, error) {
	text, err := appendJSON(nil, v.Interface())
	if err != nil {
		return nil, err
	}
	return appendPackText(b, string(text)), nil
}
