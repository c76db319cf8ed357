package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// FuzzMessagePackSplit holds Split against its rules one by one. What it says of a beginning it must not take back.
func FuzzMessagePackSplit(f *testing.F) {
	p := &messagePack{}
	f.Fuzz(func(t *testing.T, data []byte, most uint16) {
		limit := int(most) + 1
		record, rest, ok, err := p.Split(data, 0, limit)
		var length uint64
		prefix, whole := 0, false
		for ; prefix < min(len(data), 5) && !whole; prefix++ {
			length |= uint64(data[prefix]&0x7f) << (7 * prefix)
			whole = data[prefix] < 0x80
		}
		switch {
		case !whole && prefix == 5 || whole && length > 1<<31-1:
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("prefix % x: %v", data[:prefix], err)
			}
		case whole && length+uint64(prefix) > uint64(limit), !whole && len(data) >= limit:
			if !errors.Is(err, ErrTooLarge) {
				t.Fatalf("%d bytes announced, at most %d allowed: %v", length, limit, err)
			}
		case err != nil:
			t.Fatalf("%v for % x", err, data)
		case ok != (whole && uint64(len(data)-prefix) >= length):
			t.Fatalf("says %t for a prefix of %d and %d bytes", ok, prefix, len(data))
		case ok && (uint64(len(record)) != length || !bytes.Equal(data[prefix:], append(bytes.Clone(record), rest...))):
			t.Fatalf("cut % x into % x and % x", data, record, rest)
		case !ok && len(data) >= limit:
			t.Fatal("wants more than the limit")
		}
		for n := range min(len(data), 200) {
			r, _, early, earlyErr := p.Split(data[:n], 0, limit)
			if earlyErr != nil && err == nil || early && (!ok || !bytes.Equal(r, record)) {
				t.Fatalf("%d bytes said something else: %t, %v", n, early, earlyErr)
			}
		}
	})
}

// FuzzMessagePackParse: another library, too, reads an accepted record as one array. Its parts are within it, and are
// what Parse says they are.
func FuzzMessagePackParse(f *testing.F) {
	p := &messagePack{}
	f.Fuzz(func(t *testing.T, record []byte) {
		before := bytes.Clone(record)
		m, err := p.Parse(record)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || !reflect.DeepEqual(m, Inbound{}) {
				t.Fatalf("%+v, %v", m, err)
			}
			return
		}
		d := msgpack.NewDecoder(bytes.NewReader(record))
		n, err := d.DecodeArrayLen()
		if err != nil || n < 1 {
			t.Fatalf("took what is an array of %d: %v", n, err)
		}
		if kind, err := d.DecodeInt(); err != nil || kind != m.Kind {
			t.Fatalf("type %d, but it is %d: %v", m.Kind, kind, err)
		}
		for range n - 1 {
			if err := d.Skip(); err != nil && m.Unbound == nil {
				t.Fatalf("took what is not MessagePack: %v", err)
			}
		}
		if m.Unbound != nil && m.Arguments != nil {
			t.Fatalf("% x are arguments that are none", m.Arguments)
		}
		for _, raw := range append(p.Elements(nil, m.Arguments), m.Item, m.Result) {
			if raw == nil {
				continue
			}
			if !bytes.Contains(record, raw) || p.isNull(raw) != (raw[0] == 0xc0) {
				t.Fatalf("% x is not of the record", raw)
			}
			var v any
			_ = p.Decode(raw, &v) // it may be refused
		}
		if m.Arguments != nil {
			d := msgpack.NewDecoder(bytes.NewReader(m.Arguments))
			if n, err := d.DecodeArrayLen(); err != nil || n != len(p.Elements(nil, m.Arguments)) {
				t.Fatalf("%d arguments, but they are %d: %v", len(p.Elements(nil, m.Arguments)), n, err)
			}
		}
		if !bytes.Equal(before, record) {
			t.Fatal("changed the record")
		}
	})
}

// FuzzMessagePackTranscode takes data once for JSON and once for MessagePack. The judges are encoding/json and
// another MessagePack library.
func FuzzMessagePackTranscode(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		shallow := bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) < maxDepth
		packed, err := appendPackJSON(nil, data)
		if shallow && json.Valid(data) != (err == nil) {
			t.Fatalf("transcoder says %v, encoding/json %t", err, json.Valid(data))
		}
		if err == nil && shallow {
			if back, err := unpackJSON(packed); err == nil { // except for infinite numbers
				sameJSON(t, data, back)
			}
			if err := msgpack.NewDecoder(bytes.NewReader(packed)).Skip(); err != nil {
				t.Fatalf("wrote what is not MessagePack: %v", err)
			}
		}
		for _, names := range []Names{DotNetNames, JSONNames} {
			own, ownErr := appendPackFrom(nil, data, source{own: &ownMembers{Object: described(), names: names}})
			if (ownErr == nil) != (err == nil) {
				t.Fatalf("with members of the server's own: %v, without: %v", ownErr, err)
			}
			if u := (unpacker{data: own}); ownErr == nil && shallow && (u.skip(0) != nil || u.pos != len(own)) {
				t.Fatalf("wrote what is not MessagePack: % x", own)
			}
		}

		u := unpacker{data: data}
		scanned := u.skip(0)
		d := msgpack.NewDecoder(bytes.NewReader(data))
		skipped := d.Skip()
		if !errors.Is(scanned, errPackDepth) && (scanned == nil) != (skipped == nil) {
			t.Fatalf("scanner says %v, somebody else %v", scanned, skipped)
		}
		if left := d.Buffered().(*bytes.Reader).Len(); scanned == nil && left != len(data)-u.pos {
			t.Fatalf("scanner leaves %d bytes, somebody else %d", len(data)-u.pos, left)
		}
		text, err := unpackJSON(data)
		if err != nil {
			return
		}
		if scanned != nil || !json.Valid(text) {
			t.Fatalf("made %s of what is no MessagePack, or no JSON of what is: %v", text, scanned)
		}
		packed, err = appendPackJSON(nil, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := unpackJSON(packed); err != nil || !bytes.Equal(text, again) {
			t.Fatalf("%s became %s: %v", text, again, err)
		}
	})
}

// sameJSON compares as encoding/json reads it: integers that 64 bits hold by their digits, other numbers as float64.
func sameJSON(t *testing.T, one, other []byte) {
	t.Helper()
	var a, b any
	for text, into := range map[*[]byte]*any{&one: &a, &other: &b} {
		d := json.NewDecoder(bytes.NewReader(*text))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			t.Fatalf("%s: %v", *text, err)
		}
	}
	if !same(a, b) {
		t.Fatalf("%s became %s", one, other)
	}
}

func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		_, wide := strconv.ParseUint(string(a), 10, 64)
		if _, err := a.Int64(); err == nil || wide == nil {
			return ok && a == b
		}
		f, _ := a.Float64()
		g, _ := b.Float64()
		return ok && f == g
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	default:
		return reflect.DeepEqual(a, b)
	}
}
