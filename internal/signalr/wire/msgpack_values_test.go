package wire

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Types whose encoding is a rule of encoding/json.
type (
	kind8  uint8
	inner  struct{ A, B int }
	Outer  struct{ B, C string }
	hidden struct {
		D int
		e int
	}
	tagged struct {
		A int `json:"B"`
	}
	pointer  *pointer
	hidesBad struct{ Bad []int }
	embeds   struct {
		inner
		*Outer
		hidden
		Named inner `json:"named"`
		C     bool
	}
	conflicts struct {
		inner
		Outer // B is twice at the same depth: encoding/json writes neither
	}
	tagWins struct {
		inner
		tagged
	}
	twiceA struct{ inner }
	twiceB struct{ inner }
	twice  struct {
		twiceA
		twiceB
	}
	recursive struct {
		*recursive              //nolint:unused // it is there to be embedded
		Name       string       `json:"name"`
		Next       *recursive   `json:"next,omitempty"`
		All        []*recursive `json:"all,omitempty"`
	}
	options struct {
		Renamed   int             `json:"x-y"`
		Skipped   int             `json:"-"`
		Dash      int             `json:"-,"`   //nolint:staticcheck // what encoding/json makes of it is the test
		Bad       int             `json:"a\"b"` //nolint:staticcheck // likewise
		Empty     int             `json:",omitempty"`
		EmptyS    []int           `json:"s,omitempty"`
		EmptyM    map[string]int  `json:"m,omitempty"`
		EmptyA    [0]int          `json:"arr,omitempty"`
		EmptyP    *int            `json:"p,omitempty"`
		EmptyI    any             `json:"i,omitempty"`
		EmptyB    bool            `json:"b,omitempty"`
		EmptyStr  inner           `json:"struct,omitempty"` //nolint:modernize // likewise
		ZeroStr   inner           `json:"zstruct,omitzero"`
		ZeroOwn   isTen           `json:"own,omitzero"`
		ZeroPtr   *isTen          `json:"ownptr,omitzero"`
		ZeroBy    byPointer       `json:"by,omitzero"`
		ZeroI     fmt.Stringer    `json:"zi,omitzero"`
		ZeroIf    zeroer          `json:"zif,omitzero"`
		Quoted    int             `json:"q,string"`
		QuotedS   string          `json:"qs,string"`
		QuotedF   float64         `json:"qf,string"`
		QuotedB   bool            `json:"qb,string"`
		QuotedP   *int            `json:"qp,string"`
		QuotedN   json.Number     `json:"qn,string"`
		QuotedNot []int           `json:"qnot,string"` //nolint:staticcheck // likewise
		Raw       json.RawMessage `json:"raw"`
		Any       any             `json:"any"`
		unexp     int
	}
	zeroer    interface{ IsZero() bool }
	isTen     int
	byPointer struct{ N int }
	texter    struct{ s string }
	pointed   struct{ N int }
	marshals  struct{ text string }
)

func (n isTen) IsZero() bool                    { return n == 10 }
func (p *byPointer) IsZero() bool               { return p.N == 7 }
func (t texter) MarshalText() ([]byte, error)   { return []byte("<" + t.s + ">"), nil }
func (p *pointed) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{"pointed": %d}`, p.N), nil }

func (m marshals) MarshalJSON() ([]byte, error) {
	if m.text == "" {
		return nil, errors.New("no text")
	}
	return []byte(m.text), nil
}

// TestMessagePackEncodesAsJSON holds the encoder against encoding/json: its output, read back as JSON, is the same
// text.
func TestMessagePackEncodesAsJSON(t *testing.T) {
	t.Parallel()
	n, ten := 42, isTen(10)
	var nilMarshaler *pointed
	var nilTexter *texter
	for name, v := range map[string]any{
		"nil": nil, "true": true, "text": "héllo \x1e\"\\", "not UTF-8": "a\xff\xfeb", "int": -5,
		"int64": int64(math.MinInt64),
		"int8":  int8(-128), "uint64": uint64(math.MaxUint64), "uintptr": uintptr(9), "float64": 1e21, "small float64": 1e-7,
		"-0":      math.Copysign(0, -1),
		"float32": float32(0.1), "whole float": 42.0, "named": kind8(200), "json.Number": json.Number("-1.50e3"),
		"empty json.Number": json.Number(""),
		"pointer":           &n, "nil pointer": (*int)(nil), "array": [3]int{1, 2, 3}, "array of bytes": [3]byte{1, 2, 3},
		"slice":     []any{1, "a", nil, []string{}, 2.5},
		"nil slice": []int(nil), "nil bytes": []byte(nil), "nil map": map[string]int(nil),
		"map":                 map[string]any{"b": 1, "a": map[int]bool{-1: true, 10: false, 9: true}},
		"map by uint":         map[kind8]string{3: "x"},
		"map by text":         map[netip.Addr]int{netip.MustParseAddr("::1"): 1, netip.MustParseAddr("10.0.0.1"): 2},
		"map by nil pointers": map[*texter]int{nil: 1}, "named keys": map[texter]int{{"b"}: 1, {"a"}: 2},
		"embedded": embeds{inner{1, 2}, &Outer{"b", "c"}, hidden{3, 4}, inner{5, 6}, true}, "embedded nil": embeds{},
		"conflicting names": conflicts{inner{1, 2}, Outer{"b", "c"}}, "tag wins": tagWins{inner{1, 2}, tagged{3}},
		"embedded twice": twice{},
		"recursive": recursive{
			Name: "a", Next: &recursive{Name: "b"}, All: []*recursive{nil, {Name: "c"}},
		},
		"options":                     options{ZeroOwn: 10, ZeroPtr: &ten, ZeroBy: byPointer{7}},
		"nil pointer that would know": options{ZeroIf: (*isTen)(nil)}, "interface that knows": options{ZeroIf: isTen(10)},
		"interface that knows better": options{ZeroIf: new(byPointer)},
		"other options": &options{
			1, 2, 3, 4, 5,
			[]int{},
			map[string]int{"a": 1},
			[0]int{},
			&n, 0, true,
			inner{},
			inner{1, 0},
			0, new(isTen),
			byPointer{},
			netip.Addr{},
			nil,
			6, `a"<é`, 1.5, true, &n, "7",
			[]int{8},
			json.RawMessage(` {"x" : [1.0, 2e0]} `), &n, 9,
		},
		"uuid": uuid.MustParse("f47ac10b-58cc-4372-a567-0e02b2c3d479"), "pointer to uuid": &uuid.UUID{},
		"texter": texter{"x"}, "nil texter": nilTexter,
		"raw":       json.RawMessage(`{"a":18446744073709551615,"b":-9223372036854775808,"c":[9007199254740993]}`),
		"nil raw":   json.RawMessage(nil),
		"marshaler": marshals{`[1, {"a":"\u00e9\ud83d\ude00"}]`}, "pointer to marshaler": &pointed{3},
		"value that only its pointer marshals": pointed{3},
		"elements that their pointers marshal": []pointed{{1}, {2}},
		"fields that their pointers marshal":   &struct{ P pointed }{pointed{4}}, "nil marshaler": nilMarshaler,
		"field that is not addressable": struct{ P pointed }{pointed{4}}, "big": big.NewInt(77), "duration": time.Second,
		"embedded time": struct{ time.Time }{time.Unix(1, 0).UTC()}, "struct without fields": struct{}{},
		"sixteen": map[string][20]int{"x": {}},
		"omitted channel": struct {
			C *chan int `json:",omitempty"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &messagePack{names: JSONNames}
			for range 2 { // made, and remembered
				b, err := p.appendValue(nil, v)
				require.NoError(t, err)
				want, err := appendJSON(nil, v)
				require.NoError(t, err)
				got, err := unpackJSON(b)
				require.NoError(t, err, "%x", b)
				require.Equal(t, canonical(t, want), string(got))
				require.JSONEq(t, string(want), string(got))
			}
		})
	}
}

// canonical writes JSON without space and with one form for each number and string, and keeps all else.
func canonical(tb testing.TB, text []byte) string {
	tb.Helper()
	b, err := appendPackJSON(nil, text)
	require.NoError(tb, err, "%s", text)
	back, err := unpackJSON(b)
	require.NoError(tb, err, "%s", text)
	return string(back)
}

func TestMessagePackHasTypesOfItsOwn(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return v
	}
	moment := at("2026-08-01T12:00:00.5+02:00")
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"bytes":               {[]byte{1, 2}, "c4 02 01 02"},
		"no bytes":            {[]byte{}, "c4 00"},
		"named bytes":         {struct{ B []kind8 }{[]kind8{1}}, "81 a1 42 c4 01 01"},
		"256 bytes":           {make([]byte, 256), "c5 01 00" + strings.Repeat("00", 256)},
		"65536 bytes":         {make([]byte, 65536), "c6 00 01 00 00" + strings.Repeat("00", 65536)},
		"time of 32 bits":     {at("2106-02-07T06:28:15Z"), "d6 ff ff ff ff ff"},
		"time of 64 bits":     {at("2106-02-07T06:28:16Z"), "d7 ff 00 00 00 01 00 00 00 00"},
		"fraction of 64 bits": {at("1970-01-01T00:00:00.000000001Z"), "d7 ff 00 00 00 04 00 00 00 00"},
		"last of 64 bits":     {at("2514-05-30T01:53:03.999999999Z"), "d7 ff ee 6b 27 ff ff ff ff ff"},
		"time of 96 bits":     {at("2514-05-30T01:53:04Z"), "c7 0c ff 00 00 00 00 00 00 00 04 00 00 00 00"},
		"before 1970":         {at("1969-12-31T23:59:59.5Z"), "c7 0c ff 1d cd 65 00 ff ff ff ff ff ff ff ff"},
		"no time":             {time.Time{}, "c7 0c ff 00 00 00 00 ff ff ff f1 88 6e 09 00"},
		"times": {
			map[string]any{"a": &moment, "b": []time.Time{moment}},
			"82 a1 61 d7 ff 77 35 94 00 6a 6d c3 a0 a1 62 91 d7 ff 77 35 94 00 6a 6d c3 a0",
		},
		"nil time": {(*time.Time)(nil), "c0"},
		"omitted time": {struct {
			T time.Time `json:"t,omitzero"`
		}{}, "80"},
		"floats by number": {
			[]any{map[uint8]float64{200: 2}, map[int]float64{-2: 2}},
			"92 81 a3 32 30 30 cb 40 00 00 00 00 00 00 00 81 a2 2d 32 cb 40 00 00 00 00 00 00 00",
		},
		"a name that is none": {
			struct {
				hidesBad
				Bad float64 `json:"a\"b"` //nolint:staticcheck // encoding/json takes it for no tag
			}{hidesBad{[]int{1}}, 2},
			"81 a3 42 61 64 cb 40 00 00 00 00 00 00 00",
		},
		"single": {float32(0.5), "ca 3f 00 00 00"},
		"double": {0.5, "cb 3f e0 00 00 00 00 00 00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := (&messagePack{}).appendValue(nil, c.value)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(unhex(t, c.want)), hex.EncodeToString(b))
		})
	}
}

// The shortest format is the one that holds the value and no more, up to each boundary.
func TestMessagePackShortestFormats(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "00", 127: "7f", 128: "cc80", 255: "ccff", 256: "cd0100", 65535: "cdffff", 65536: "ce00010000",
		math.MaxUint32:     "ceffffffff",
		math.MaxUint32 + 1: "cf0000000100000000", math.MaxInt64: "cf7fffffffffffffff", -1: "ff", -32: "e0", -33: "d0df",
		-128: "d080", -129: "d1ff7f",
		math.MinInt16: "d18000", math.MinInt16 - 1: "d2ffff7fff", math.MinInt32: "d280000000",
		math.MinInt32 - 1: "d3ffffffff7fffffff",
	} {
		require.Equal(t, want, hex.EncodeToString(appendPackInt(nil, n)), n)
	}
	for n, want := range map[int]string{
		0: "a0", 31: "bf", 32: "d920", 255: "d9ff", 256: "da0100", 65535: "daffff", 65536: "db00010000",
	} {
		got := appendPackText(nil, strings.Repeat("x", n))
		require.Equal(t, want, hex.EncodeToString(got[:len(got)-n]))
	}
	for n, want := range map[int]string{0: "90", 15: "9f", 16: "dc0010", 65535: "dcffff", 65536: "dd00010000"} {
		got, err := (&messagePack{}).appendValue([]byte("before"), make([]bool, n))
		require.NoError(t, err)
		require.Equal(t, "before"+string(unhex(t, want))+strings.Repeat("\xc2", n), string(got))
	}
	for n, want := range map[int]string{0: "80", 15: "8f", 16: "de0010", 65535: "deffff", 65536: "df00010000"} {
		all := make(map[int]bool, n)
		for i := range n {
			all[i] = true
		}
		got, err := (&messagePack{}).appendValue(nil, all)
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(got[:len(want)/2]))
	}
}

func TestMessagePackCannotEncode(t *testing.T) {
	t.Parallel()
	circle := &recursive{}
	circle.Next = circle
	var loop []any
	loop = append(loop, nil)
	loop[0] = loop
	var round pointer
	round = &round
	ring := map[string]any{}
	ring["a"] = ring
	for name, v := range map[string]any{
		"channel": make(chan int), "function": func() {}, "complex": complex(1, 2),
		"channel in a struct": struct{ C chan int }{}, "map by struct": map[inner]int{},
		"empty map by struct": map[inner]int(nil), "NaN": math.NaN(), "infinity": []float64{math.Inf(1)},
		"single infinity": float32(math.Inf(-1)),
		"circle":          circle, "circle of pointers": round, "loop": loop, "ring": ring, "failing marshaler": marshals{},
		"marshaler of half a JSON": marshals{`{"a":`}, "marshaler of no JSON": marshals{`[tru]`},
		"two values":        marshals{`1 2`},
		"raw that is empty": json.RawMessage{}, "json.Number": json.Number("1x"),
		"year 10000": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"quoted NaN": struct {
			F float64 `json:",string"`
		}{math.NaN()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&messagePack{}).appendResult(nil, "1", v)
			require.ErrorContains(t, err, "encoding result: ")
			require.NotErrorIs(t, err, ErrMalformed)
			_, err = (&messagePack{}).appendItem(nil, "1", v)
			require.ErrorContains(t, err, "encoding stream item: ")
		})
	}
}
