package wire

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestMessagePackDecodesAsJSON gives the same argument in both protocols to each type that a hub method may have. The
// method must get the same value, or be refused.
func TestMessagePackDecodesAsJSON(t *testing.T) {
	t.Parallel()
	type named string
	type order struct {
		ID    uuid.UUID  `json:"id"`
		Items []int      `json:"items"`
		At    time.Time  `json:"at"`
		Data  []byte     `json:"data"`
		Note  *string    `json:"note"`
		Any   any        `json:"any"`
		Price float64    `json:"price"`
		Until *time.Time `json:"until"`
	}
	types := []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[*string](), reflect.TypeFor[named](), reflect.TypeFor[int](),
		reflect.TypeFor[int64](), reflect.TypeFor[*int64](),
		reflect.TypeFor[int8](), reflect.TypeFor[uint8](), reflect.TypeFor[uint64](), reflect.TypeFor[float32](),
		reflect.TypeFor[float64](), reflect.TypeFor[bool](),
		reflect.TypeFor[uuid.UUID](), reflect.TypeFor[*uuid.UUID](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[*time.Time](), reflect.TypeFor[[]byte](),
		reflect.TypeFor[[]int](), reflect.TypeFor[[]any](), reflect.TypeFor[any](), reflect.TypeFor[map[string]any](),
		reflect.TypeFor[map[int]string](),
		reflect.TypeFor[order](), reflect.TypeFor[*order](), reflect.TypeFor[json.Number](), reflect.TypeFor[[2]int](),
		reflect.TypeFor[json.RawMessage](),
	}
	values := map[string]struct{ pack, json string }{
		"nil": {"c0", `null`}, "true": {"c3", `true`}, "0": {"00", `0`}, "-1": {"ff", `-1`}, "300": {"cd012c", `300`},
		"largest int64": {"cf7fffffffffffffff", `9223372036854775807`},
		"2^53+1":        {"cf0020000000000001", `9007199254740993`},
		"above int64":   {"cf8000000000000000", `9223372036854775808`},
		"lowest":        {"d38000000000000000", `-9223372036854775808`},
		"whole double":  {"cb4045000000000000", `42`}, "double": {"cb3ff8000000000000", `1.5`},
		"single": {"ca3fc00000", `1.5`}, "large double": {"cb4480f0cf064dd592", `1e+22`},
		"empty text": {"a0", `""`}, "text": {"a3616263", `"abc"`}, "text with escapes": {"a3610a22", `"a\n\""`},
		"text that is not UTF-8": {"a361ff62", `"a` + "\xff" + `b"`},
		"uuid": {
			"d924" + hexOf("f47ac10b-58cc-4372-a567-0e02b2c3d479"), `"f47ac10b-58cc-4372-a567-0e02b2c3d479"`,
		},
		"time":       {"d6ff6a6dc3a0", `"2026-08-01T10:00:00Z"`},
		"exact time": {"d7ff773594006a6dc3a0", `"2026-08-01T10:00:00.5Z"`},
		"old time":   {"c70cff00000000fffffff1886e0900", `"0001-01-01T00:00:00Z"`},
		"text time":  {"d919" + hexOf("2026-08-01T12:00:00+02:00"), `"2026-08-01T12:00:00+02:00"`},
		"bytes":      {"c403010203", `"AQID"`},
		"array":      {"920102", `[1,2]`}, "empty array": {"90", `[]`}, "mixed array": {"9301a161c0", `[1,"a",null]`},
		"map":            {"82a161" + "01" + "a162" + "90", `{"a":1,"b":[]}`},
		"map by numbers": {"8201a16102a162", `{"1":"a","2":"b"}`},
		"order": {
			"87a26964d924" + hexOf("f47ac10b-58cc-4372-a567-0e02b2c3d479") + "a56974656d7391" + "05" + "a26174d6ff6a6dc3a0" +
				"a464617461c40101" + "a46e6f7465a178" + "a3616e7981a0c2" + "a57072696365ca3fc00000",
			`{"id":"f47ac10b-58cc-4372-a567-0e02b2c3d479","items":[5],"at":"2026-08-01T10:00:00Z","data":"AQ==","note":"x","any":{"":false},"price":1.5}`,
		},
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := unhex(t, v.pack)
			for _, typ := range types {
				want, got := reflect.New(typ), reflect.New(typ)
				wantErr := JSON{}.Decode([]byte(v.json), want.Interface())
				gotErr := (&messagePack{}).Decode(raw, got.Interface())
				require.Equal(t, wantErr == nil, gotErr == nil, "%s: %v, but %v", typ, wantErr, gotErr)
				if typ == reflect.TypeFor[json.RawMessage]() {
					require.JSONEq(t, v.json, string(got.Elem().Bytes()))
				} else if gotErr == nil {
					require.Equal(t, want.Elem().Interface(), got.Elem().Interface(), typ)
				}
				require.NotErrorIs(t, gotErr, ErrMalformed)
			}
		})
	}
}

func hexOf(text string) string {
	var b strings.Builder
	for i := range len(text) {
		const digits = "0123456789abcdef"
		b.WriteByte(digits[text[i]>>4])
		b.WriteByte(digits[text[i]&15])
	}
	return b.String()
}

func TestMessagePackCannotDecode(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"NaN": "cb7ff8000000000000", "infinity": "ca7f800000", "extension": "d40100", "timestamp of 2 bytes": "d5ff0000",
		"timestamp with 2^30-1 ns":    "d7fffffffffc00000000",
		"timestamp of the year 10000": "c70cff000000000000003afff44180",
		"timestamp before the year 0": "c70cff00000000fffffff1868b83ff",
		"timestamp that overflows":    "c70cff000000007fffffffffffffff", "key that is nil": "81c001",
		"key that is a map": "818001", "key that is binary": "81c4010001", "nothing": "", "two values": "c0c0",
		"half a value": "9201",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v any
			require.Error(t, (&messagePack{}).Decode(unhex(t, raw), &v))
			var text json.RawMessage
			require.Error(t, (&messagePack{}).Decode(unhex(t, raw), &text))
			require.Nil(t, text)
		})
	}
}

// A hub method may keep its argument, so a decoded value must not point into the buffer that the next message is read
// into.
func TestDecodedValuesAreTheMethodsOwn(t *testing.T) {
	t.Parallel()
	for raw, into := range map[string]any{
		"a3616263": new(string), "c403616263": new([]byte), "81a161a162": new(json.RawMessage),
		"93a161a162a163": new([]string),
	} {
		b := unhex(t, raw)
		require.NoError(t, (&messagePack{}).Decode(b, into))
		before, err := json.Marshal(into)
		require.NoError(t, err)
		clear(b)
		after, err := json.Marshal(into)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
	m, err := (&messagePack{}).Parse(unhex(t, "9601 80 a131 a14d 90 91a161"))
	require.NoError(t, err)
	require.Equal(t,
		Inbound{Kind: 1, InvocationID: "1", Target: "M", HasTarget: true, Arguments: []byte{0x90}, StreamIDs: []string{"a"}},
		m)
}

func TestElements(t *testing.T) {
	t.Parallel()
	p := &messagePack{}
	require.Equal(t, [][]byte{{0x91, 0x90}, {0xa1, 'x'}, {0x81, 0x01, 0xc0}, {0xc0}},
		p.Elements(nil, unhex(t, "94 91 90 a1 78 81 01 c0 c0")))
	require.Empty(t, p.Elements(nil, []byte{0x90}))
	require.True(t, p.isNull([]byte{0xc0}))
	require.False(t, p.isNull([]byte{0x00}))
	require.False(t, p.isNull(nil))
	require.Equal(t, int64(math.MinInt64), func() (n int64) {
		require.NoError(t, p.Decode(unhex(t, "d38000000000000000"), &n))
		return n
	}())
}
