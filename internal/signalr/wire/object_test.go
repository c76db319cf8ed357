package wire

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// described is an object with a member of every form.
func described() *Object {
	return NewObject(Member{"orderId", AsItIs}, Member{"at", Time}, Member{"revenue30d", Number}, Member{"data", AsItIs},
		Member{"sequence", Number})
}

func packedArgument(t *testing.T, names Names, o *Object, argument string) string {
	t.Helper()
	p := &messagePack{names: names}
	m, err := NewMessageOf("T", len(argument), o, func(b []byte) ([]byte, error) { return append(b, argument...), nil })
	require.NoError(t, err)
	f := m.Frame(p)
	require.Equal(t, `{"type":1,"target":"T","arguments":[`+argument+"]}\x1e", jsonOf(m), "JSON is what it is")
	_, text, ok := strings.Cut(hex.EncodeToString(f.Bytes[f.Header:]), "960180c0a15491")
	require.True(t, ok)
	return strings.TrimSuffix(text, "90")
}

func jsonOf(m *Message) string {
	f := m.Frame(JSON{})
	return string(f.Bytes[f.Header:])
}

func hexText(text string) string { return hex.EncodeToString(appendPackText(nil, text)) }

func TestMembersOfTheServersOwn(t *testing.T) {
	t.Parallel()
	const stamp = "d6ff696f5220"
	for name, c := range map[string]struct{ json, dotNet, names string }{
		"all": {
			`{"orderId":"x","at":"2026-01-20T10:00:00Z","revenue30d":7.50,"data":{"at":"2026-01-20T10:00:00Z","orderId":7.0},"sequence":7}`,
			"85" + hexText("OrderId") + "a178" + hexText("At") + stamp + hexText("Revenue30d") + "cb401e000000000000" +
				hexText("Data") + "82" + hexText("at") + hexText("2026-01-20T10:00:00Z") + hexText("orderId") +
				"cb401c000000000000" + hexText("Sequence") + "07",
			"",
		},
		"some": {
			`{"at":null,"sequence":7.0}`, "82" + hexText("At") + "c0" + hexText("Sequence") + "07", "",
		},
		"none":       {`{}`, "80", ""},
		"space":      {` { "sequence" : 7e2 } `, "81" + hexText("Sequence") + "cd02bc", ""},
		"not a time": {`{"at":"yesterday"}`, "81" + hexText("At") + hexText("yesterday"), ""},
		"a time behind the calendar": {
			`{"at":"10000-01-01T00:00:00Z"}`, "81" + hexText("At") + hexText("10000-01-01T00:00:00Z"), "",
		},
		"a number for a time": {`{"at":7.0}`, "81" + hexText("At") + "cb401c000000000000", ""},
		"a text for a number": {`{"revenue30d":"7.0"}`, "81" + hexText("Revenue30d") + hexText("7.0"), ""},
		"others behind it": {
			`{"sequence":1,"orderId":7.0,"at":"2026-01-20T10:00:00Z"}`,
			"83" + hexText("Sequence") + "01" + hexText("orderId") + "cb401c000000000000" + hexText("at") +
				hexText("2026-01-20T10:00:00Z"), "",
		},
		"others that would be its own": {
			`{"orderId":"x","sequence":1,"OrderId":"y","Sequence":{"a":[1]},"At":3,"SEQUENCE":4}`,
			"84" + hexText("OrderId") + "a178" + hexText("Sequence") + "01" + hexText("At") + "03" + hexText("SEQUENCE") + "04",
			"86" + hexText("orderId") + "a178" + hexText("sequence") + "01" + hexText("OrderId") + "a179" +
				hexText("Sequence") + "81" + hexText("a") + "9101" + hexText("At") + "03" + hexText("SEQUENCE") + "04",
		},
		"names with escapes": {
			`{"order\u0049d":"x","a\"b":1}`, "82" + hexText("OrderId") + "a178" + hexText(`a"b`) + "01", "",
		},
		"no object":           {`"2026-01-20T10:00:00Z"`, hexText("2026-01-20T10:00:00Z"), ""},
		"objects in an array": {`[{"orderId":7.0}]`, "9181" + hexText("orderId") + "cb401c000000000000", ""},
		"many others": {
			`{"sequence":1` + strings.Repeat(`,"x":2`, 20) + `}`,
			"de0015" + hexText("Sequence") + "01" + strings.Repeat(hexText("x")+"02", 20), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.dotNet, packedArgument(t, DotNetNames, described(), c.json))
			if c.names == "" {
				c.names = c.dotNet
				for _, m := range described().members {
					c.names = strings.ReplaceAll(c.names, hexText(m.dotNet), hexText(m.Name))
				}
			}
			require.Equal(t, c.names, packedArgument(t, JSONNames, described(), c.json), "with JSON's names")
		})
	}
}

// An argument that is not JSON is nil, as without an Object.
func TestMembersOfWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"orderId"}`, `{"at":"x}`, `{"revenue30d":7.}`, `{"orderId":1`, `{"a":1}}`, `{orderId:1}`, `{"at":`,
		`{"sequence":}`,
	} {
		p := &messagePack{}
		want := p.appendInvocation(nil, "", "T", []json.RawMessage{json.RawMessage("null")}, nil)
		require.Equal(t, want, p.appendInvocation(nil, "", "T", []json.RawMessage{json.RawMessage(text)}, described()), text)
	}
}

// A whole number becomes an integer, whatever its digits look like, and any other number stays as it is.
func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "00", "-0": "00", "-0.0": "00", "0e9": "00", "0.000e-3": "00", "0e99999999999999999999": "00", "7": "07",
		"7.0": "07", "7.000": "07", "70e-1": "07", "0.7e1": "07", "0.07e+2": "07",
		"-7.0": "f9", "1e2": "64", "12.50e1": "7d", "12.50e2": "cd04e2", "9223372036854775807.0": "cf7fffffffffffffff",
		"-9223372036854775808.00": "d38000000000000000",
		"18446744073709551615.0":  "cfffffffffffffffff", "1844674407370955161500e-2": "cfffffffffffffffff",
		"9007199254740993.0": "cf0020000000000001",
		"7.5":                "cb401e000000000000", "12.55e1": "cb405f600000000000", "1e-1": "cb3fb999999999999a",
		"18446744073709551616.0": "cb43f0000000000000", "1e20": "cb4415af1d78b58c40", "-1e19": "cbc3e158e460913d00",
		"1e300": "cb7e37e43c8800759c", "1e99999999999999999999": "cb7ff0000000000000",
		"1e-99999999999999999999": "cb0000000000000000", "1e400": "cb7ff0000000000000",
	} {
		require.Equal(t, want, hex.EncodeToString(appendPackWhole(nil, text)), text)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strconv.FormatInt(rapid.Int64Range(-1e15, 1e15).Draw(t, "whole"), 10)
		if fraction := rapid.StringMatching(`[0-9]{0,6}`).Draw(t, "fraction"); fraction != "" {
			text += "." + fraction
		}
		if rapid.Bool().Draw(t, "exponent") {
			text += "e" + strconv.Itoa(rapid.IntRange(-8, 8).Draw(t, "by"))
		}
		exact, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		digits, whole := wholeDigits(text)
		if fits := exact.IsInt() && len(new(big.Int).Abs(exact.Num()).Text(10)) <= 20; fits != whole {
			t.Fatalf("%s: whole %t", text, whole)
		}
		if whole && digits != exact.Num().Text(10) && exact.Sign() != 0 {
			t.Fatalf("%s became %s", text, digits)
		}
	})
}

// Go structs are the server's own objects as well: fields at any depth, but no keys of maps, and nothing in JSON
// text.
func TestFieldsAreNamedAsPropertiesAre(t *testing.T) {
	t.Parallel()
	type inner struct {
		ExpiresAt time.Time `json:"expiresAt"`
	}
	type outer struct {
		inner

		ID    int             `json:"lastEventId"`
		Other string          // has no name for JSON
		Under *inner          `json:"_under"`
		Map   map[string]any  `json:"map"`
		Raw   json.RawMessage `json:"raw"`
		Whole json.RawMessage `json:"whole"`
	}
	at := time.Date(2026, 1, 20, 10, 0, 0, 0, time.UTC)
	v := outer{
		inner{at},
		1, "o", &inner{at},
		map[string]any{"key": inner{at}},
		json.RawMessage(`{"raw":7.0}`),
		json.RawMessage("7.0"),
	}
	const stamp = "d6ff696f5220"
	object := "81" + hexText("ExpiresAt") + stamp
	want := "87" + hexText("ExpiresAt") + stamp + hexText("LastEventId") + "01" + hexText("Other") + "a16f" +
		hexText("_under") + object +
		hexText("Map") + "81" + hexText("key") + object + hexText("Raw") + "81" + hexText("raw") + "cb401c000000000000" +
		hexText("Whole") + "07"
	got, err := (&messagePack{}).appendValue(nil, v)
	require.NoError(t, err)
	require.Equal(t, want, hex.EncodeToString(got))
	for _, m := range []string{"expiresAt", "lastEventId", "map", "raw", "whole"} {
		if m != "raw" { // stands in the text as well
			want = strings.ReplaceAll(want, hexText(dotNetName(m)), hexText(m))
		}
	}
	want = strings.Replace(want, hexText("Raw"), hexText("raw"), 1)
	got, err = (&messagePack{names: JSONNames}).appendValue(nil, v)
	require.NoError(t, err)
	require.Equal(t, want, hex.EncodeToString(got))
}

// The results of the .NET hub's calls, in .NET's bytes.
func TestResultsOfADotNetHub(t *testing.T) {
	t.Parallel()
	type refreshed struct {
		ExpiresAt time.Time `json:"expiresAt"`
	}
	p := &messagePack{}
	b, err := p.appendResult(nil, "2", refreshed{time.Date(2026, 1, 20, 10, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	require.Equal(t, "17950380a1320381a9457870697265734174d6ff696f5220", hex.EncodeToString(b))
	call, err := p.appendCall(nil, "T", []any{"text", nil, refreshed{time.Unix(0, 0)}})
	require.NoError(t, err)
	require.Equal(t, "1f960180c0a15493a474657874c081a9457870697265734174d6ff0000000090", hex.EncodeToString(call))
	for _, p := range []Protocol{p, JSON{}} {
		_, err = p.appendCall(nil, "T", []any{make(chan int)})
		require.ErrorContains(t, err, "encoding argument of T")
	}
	call, err = JSON{}.appendCall(nil, "T", []any{"<text>", nil, refreshed{time.Unix(0, 0).UTC()}})
	require.NoError(t, err)
	const record = `{"type":1,"target":"T","arguments":["<text>",null,{"expiresAt":"1970-01-01T00:00:00Z"}]}` + "\x1e"
	require.Equal(t, hex.Dump([]byte(record)), hex.Dump(call))
}
