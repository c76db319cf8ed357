package hubclient

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

func TestMessagesBecomeRecords(t *testing.T) {
	t.Parallel()
	for packed, want := range map[string]string{
		"96 01 80 c0 a154 90 90":                `{"type":1,"target":"T","arguments":[]}`,
		"95 01 81 a178 a179 a131 a154 92 07 c0": `{"type":1,"invocationId":"1","target":"T","arguments":[7,null]}`,
		"96 01 80 c0 a154 91 86 a161 c3 a162 d6ff696f5220 a163 cb401e000000000000 a164 c402 0102 a165 cfffffffffffffffff a13c d3ffffffffffffff00 90": `{"type":1,"target":"T","arguments":[` +
			`{"a":true,"b":"2026-01-20T10:00:00Z","c":7.5,"d":"AQI=","e":18446744073709551615,"<":-256}]}`,
		"96 01 80 c0 a154 91 d9 03 e280a8 90":            `{"type":1,"target":"T","arguments":["\u2028"]}`,
		"95 03 80 a131 03 c0":                            `{"type":3,"invocationId":"1","result":null}`,
		"95 03 80 a131 03 de0001 a161 dc0001 ca3f000000": `{"type":3,"invocationId":"1","result":{"a":[0.5]}}`,
		"95 03 80 a131 01 a165":                          `{"type":3,"invocationId":"1","error":"e"}`,
		"94 03 80 a131 02":                               `{"type":3,"invocationId":"1"}`,
		"91 06":                                          `{"type":6}`,
		"92 09 01":                                       `{"type":6}`,
		"92 07 c0":                                       `{"type":7}`,
		"93 07 a165 c3":                                  `{"type":7,"error":"e","allowReconnect":true}`,
	} {
		got, err := unpack(bytesOf(t, packed))
		require.NoError(t, err, packed)
		require.JSONEq(t, want, string(got), packed)
		require.Equal(t, want, string(got), packed)
	}
	for _, broken := range []string{
		"", "c0", "90", "91", "91 a161", "93 01 80 c0", "96 01 80 c0 a154", "94 03 80 a131 03", "95 03 80 a131 03 c1",
		"92 07 91", "96 01 80 c0 a154 91 d4 05 00 90",
		"96 01 80 c0 a154 91 81 91 90 c0 90", "96 01 80 c0 a154" + strings.Repeat("91", 200) + "c0 90",
	} {
		_, err := unpack(bytesOf(t, broken))
		require.ErrorIs(t, err, errPacked, broken)
	}
	for _, cut := range []string{"", "05 91", "80", "ffffffffffffffffffff01 91", "ffffffffffffffff7f 91"} {
		_, _, err := cutPacked(bytesOf(t, cut))
		require.ErrorContains(t, err, "incomplete", cut)
	}
	record, rest, err := cutPacked(bytesOf(t, "02 9106 02 9106"))
	require.NoError(t, err)
	require.Equal(t, []byte{0x91, 6}, record)
	require.Len(t, rest, 3)
}

func TestRecordsBecomeMessages(t *testing.T) {
	t.Parallel()
	for record, want := range map[string]string{
		`{"type":1,"invocationId":"1","target":"T","arguments":["a",null,true,-1,7.5,{"b":[1e400]}]}`: "24 96 01 80 a131 a154 96 a161 c0 c3 ff cb401e000000000000 81a16291cb7ff0000000000000 90",
		`{"type":1,"invocationId":"1","target":"T"}`:                                                  "09 96 01 80 a131 a154 90 90",
		`{"type":6}`: "02 91 06",
		`{"type":7}`: "03 92 07 c0",
	} {
		got, err := pack([]byte(record + "\x1e"))
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(want, " ", ""), hex.EncodeToString(got), record)
	}
	for _, other := range []string{`{"type":3,"invocationId":"1"}`, `{`, `[]`} {
		_, err := pack([]byte(other))
		require.Error(t, err, other)
	}
}
