package wire

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(tb, err)
	return b
}

// The messages whose frames the conversations do not show, in .NET's bytes.
func TestMessagePackMessages(t *testing.T) {
	t.Parallel()
	p := &messagePack{}
	item := func(v any) []byte {
		b, err := p.appendItem(nil, "xyz", v)
		require.NoError(t, err)
		return b
	}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"invocation": {
			p.appendInvocation(nil, "xyz", "method", []json.RawMessage{json.RawMessage("42")}, nil),
			"11 96 01 80 a3 78797a a6 6d6574686f64 91 2a 90",
		},
		"invocation without an id": {
			p.appendInvocation(nil, "", "method", nil, nil), "0d 96 01 80 c0 a6 6d6574686f64 90 90",
		},
		"arguments that are not JSON": {
			p.appendInvocation(nil, "", "method",
				[]json.RawMessage{nil, json.RawMessage("1"), json.RawMessage(`[1`), json.RawMessage(`true`)}, nil),
			"11 96 01 80 c0 a6 6d6574686f64 94 c0 01 c0 c3 90",
		},
		"item":                  {item(42), "08 94 02 80 a3 78797a 2a"},
		"item that is nil":      {item(nil), "08 94 02 80 a3 78797a c0"},
		"item of a single":      {item(float32(42)), "0c 94 02 80 a3 78797a ca 42280000"},
		"end of a stream":       {p.appendEmpty(nil, "xyz"), "08 94 03 80 a3 78797a 02"},
		"error":                 {p.appendError(nil, "xyz", "Error"), "0e 95 03 80 a3 78797a 01 a5 4572726f72"},
		"error without text":    {p.appendError(nil, "xyz", ""), "09 95 03 80 a3 78797a 01 a0"},
		"ping":                  {p.appendPing(nil), "02 91 06"},
		"close":                 {p.appendClose(nil, "", false), "04 93 07 c0 c2"},
		"close with everything": {p.appendClose(nil, "Error!", true), "0a 93 07 a6 4572726f7221 c3"},
		"ack":                   {p.appendAck(nil, 36), "03 92 08 24"},
		"sequence":              {p.appendSequence(nil, math.MaxInt64), "0b 92 09 cf 7fffffffffffffff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, hex.Dump(unhex(t, c.want)), hex.Dump(c.got))
			record, rest, ok, err := p.Split(c.got, 0, len(c.got))
			require.NoError(t, err)
			require.True(t, ok)
			require.Empty(t, rest)
			_, err = p.Parse(record)
			require.NoError(t, err)
		})
	}
}

// What the conversations cannot show: messages without an answer, and faults that are all answered in the same way.
func TestMessagePackParse(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("91", 62)
	for name, c := range map[string]struct {
		record string
		want   Inbound
	}{
		"invocation": {"96 01 81 a1 78 a1 79 a1 31 a1 4d 92 01 90 92 a1 61 a1 62", Inbound{
			Kind: 1, InvocationID: "1", Target: "M", HasTarget: true, Arguments: []byte{0x92, 1, 0x90},
			StreamIDs: []string{"a", "b"},
		}},
		"stream invocation": {
			"95 04 80 a1 31 a1 4d 90",
			Inbound{Kind: 4, InvocationID: "1", Target: "M", HasTarget: true, Arguments: []byte{0x90}},
		},
		"item":             {"94 02 80 a1 31 91 c0", Inbound{Kind: 2, InvocationID: "1", Item: []byte{0x91, 0xc0}}},
		"item that is nil": {"94 02 80 a1 31 c0", Inbound{Kind: 2, InvocationID: "1", Item: []byte{0xc0}}},
		"result": {
			"95 03 80 a1 31 03 a1 78", Inbound{Kind: 3, InvocationID: "1", Result: []byte{0xa1, 'x'}},
		},
		"no result":              {"94 03 80 a1 31 02", Inbound{Kind: 3, InvocationID: "1"}},
		"error":                  {"95 03 80 a1 31 01 a1 65", Inbound{Kind: 3, InvocationID: "1", Err: "e", HasError: true}},
		"error that is nil":      {"95 03 80 a1 31 01 c0", Inbound{Kind: 3, InvocationID: "1"}},
		"cancellation":           {"93 05 80 a1 31", Inbound{Kind: 5, InvocationID: "1"}},
		"goodbye":                {"92 07 c0", Inbound{Kind: 7}},
		"goodbye with no text":   {"93 07 a0 c3", Inbound{Kind: 7, HasError: true}},
		"acknowledgement":        {"92 08 cc 24", Inbound{Kind: 8, SequenceID: 36, HasSequence: true}},
		"sequence below nothing": {"92 09 ff", Inbound{Kind: 9, SequenceID: -1, HasSequence: true}},
		"deepest item": {
			"94 02 80 a1 31" + deep + "90", Inbound{Kind: 2, InvocationID: "1", Item: unhex(t, deep+"90")},
		},
		"later type":         {"93 d1 7f ff 90 c0", Inbound{Kind: 0x7fff}},
		"type below nothing": {"93 d1 80 00 90 c0", Inbound{Kind: -0x8000}},

		"later type, and no MessagePack":  {"93 d1 7f ff 90 c1", Inbound{}},
		"item that is too deep":           {"94 02 80 a1 31" + deep + "91 90", Inbound{}},
		"stream invocation without an id": {"95 04 80 c0 a1 4d 90", Inbound{}},
		"item without an id":              {"94 02 80 c0 01", Inbound{}},
		"completion without an id":        {"94 03 80 a0 02", Inbound{}},
		"cancellation without an id":      {"93 05 80 a0", Inbound{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := (&messagePack{}).Parse(unhex(t, c.record))
			if c.want.Kind == 0 {
				require.ErrorIs(t, err, ErrMalformed)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestMessagePackSplit(t *testing.T) {
	t.Parallel()
	const limit = 200
	for name, c := range map[string]struct {
		data   string
		record int // its length, -1: not there yet
		err    error
	}{
		"nothing":                          {"", -1, nil},
		"half a prefix":                    {"80", -1, nil},
		"a prefix":                         {"01", -1, nil},
		"an empty record":                  {"00", 0, nil},
		"a record and more":                {"02 91 06 02", 2, nil},
		"an overlong prefix":               {"82 80 80 80 00 91 06", 2, nil},
		"an overlong prefix, half of it":   {"82 80 80 80", -1, nil},
		"the largest, announced":           {"c6 01", -1, nil},
		"one more, announced":              {"c7 01", -1, ErrTooLarge},
		"the largest with a long prefix":   {"c6 81 00", -1, ErrTooLarge},
		"2 GB less a byte":                 {"ff ff ff ff 07", -1, ErrTooLarge},
		"2 GB":                             {"80 80 80 80 08", -1, ErrMalformed},
		"what overflows":                   {"ff ff ff ff 7f", -1, ErrMalformed},
		"a prefix of six bytes":            {"80 80 80 80 80 00", -1, ErrMalformed},
		"the largest, with its last byte":  {"c6 01" + strings.Repeat(" 00", 198), 198, nil},
		"the largest, without":             {"c6 01" + strings.Repeat(" 00", 197), -1, nil},
		"a record of 127 bytes":            {"7f" + strings.Repeat(" 00", 127), 127, nil},
		"a record of 128 bytes and a byte": {"80 01" + strings.Repeat(" 00", 129), 128, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := unhex(t, c.data)
			record, rest, ok, err := (&messagePack{}).Split(data, 0, limit)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.record >= 0, ok)
			if ok {
				require.Len(t, record, c.record)
				prefix := 1
				for data[prefix-1] >= 0x80 {
					prefix++
				}
				require.Equal(t, data[prefix+c.record:], rest)
			}
		})
	}
	_, _, ok, err := (&messagePack{}).Split([]byte{0x80, 0x80}, 0, 2)
	require.False(t, ok)
	require.ErrorIs(t, err, ErrTooLarge, "a prefix that fills the limit")
}

// A Message is transcoded once, however many connections it is sent to. Its size is the JSON frame's.
func TestMessageIsEncodedOncePerProtocol(t *testing.T) {
	t.Parallel()
	m := NewMessage("Target", []json.RawMessage{json.RawMessage(`{"a":[1,2.5,"x"]}`)})
	one, other := m.Frame(&messagePack{}), m.Frame(&messagePack{})
	require.Same(t, one, other)
	require.Equal(t,
		hex.Dump(unhex(t, "82 1e 1d 96 01 80 c0 a6 546172676574 91 81 a1 61 93 01 cb 4004000000000000 a1 78 90")),
		hex.Dump(one.Bytes))
	require.True(t, one.Numbered)
	require.Equal(t, 2+len(`{"type":1,"target":"Target","arguments":[{"a":[1,2.5,"x"]}]}`)+1, m.Size())
}

// subscribe is an invocation as a client sends it for each order that it watches.
func subscribe(tb testing.TB, p Protocol) []byte {
	tb.Helper()
	return p.appendInvocation(nil, "17", "SubscribeToOrder",
		[]json.RawMessage{json.RawMessage(`"f47ac10b-58cc-4372-a567-0e02b2c3d479"`)}, nil)
}

func read(p Protocol, data []byte) (Inbound, uuid.UUID, error) {
	var id uuid.UUID
	record, _, _, err := p.Split(data, 0, 1<<10)
	if err != nil {
		return Inbound{}, id, err
	}
	m, err := p.Parse(record)
	if err != nil {
		return m, id, err
	}
	var space [4][]byte
	return m, id, p.Decode(p.Elements(space[:0], m.Arguments)[0], &id)
}

// 4 allocations: the invocation's id, its target, the room for the arguments and the UUID. The protocol adds none.
func TestReadingAnInvocationAllocatesLittle(t *testing.T) { //nolint:paralleltest // others' allocations would count
	p := &messagePack{}
	data := subscribe(t, p)
	allocations := testing.AllocsPerRun(1000, func() {
		if m, id, err := read(p, data); err != nil || m.Target != "SubscribeToOrder" || m.InvocationID != "17" ||
			id[0] != 0xf4 {
			panic("misread")
		}
	})
	require.LessOrEqual(t, allocations, 4.0)
}

func BenchmarkReadInvocation(b *testing.B) {
	for _, p := range []Protocol{JSON{}, &messagePack{}} {
		b.Run(p.Name(), func(b *testing.B) {
			data := subscribe(b, p)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := read(p, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAMessageOfAppendedArgumentsIsTheSameInBothProtocols(t *testing.T) {
	t.Parallel()
	// Deeper than a client may nest, and as deep as the server may on its own.
	deep := strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting)
	long := `"` + strings.Repeat("x", 1<<16) + `"`
	for name, arguments := range map[string][]string{
		"none": {}, "one": {`{"a":[1,2.5,"x"]}`}, "several": {`"]}"`, `[[],{}]`, `null`, `-1`, `" , "`}, "deep": {deep, `1`},
		"long": {long, `2`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listed := make([]json.RawMessage, len(arguments))
			for i, a := range arguments {
				listed[i] = json.RawMessage(a)
			}
			want := NewMessage("Target", listed)
			got, err := NewMessageOf("Target", 1, nil, func(b []byte) ([]byte, error) {
				return append(b, strings.Join(arguments, ",")...), nil
			})
			require.NoError(t, err)
			for _, p := range []Protocol{JSON{}, &messagePack{}} {
				require.Equal(t, want.Frame(p), got.Frame(p))
			}
			require.Equal(t, want.Size(), got.Size())
		})
	}
}

func TestAMessageWhoseArgumentsCannotBeAppendedIsNone(t *testing.T) {
	t.Parallel()
	_, err := NewMessageOf("Target", 1, nil, func([]byte) ([]byte, error) { return nil, io.ErrShortBuffer })
	require.ErrorIs(t, err, io.ErrShortBuffer)
}
