package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// TestJSONSurvivesMessagePack: a JSON value that is transcoded to MessagePack and back is the same text.
func TestJSONSurvivesMessagePack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := jsonText(4).Draw(t, "text")
		b, err := appendPackJSON([]byte("before"), []byte(text))
		require.NoError(t, err)
		back, err := unpackJSON(b[len("before"):])
		require.NoError(t, err)
		require.Equal(t, text, string(back))
		var oracle any // another library reads all of it as MessagePack
		d := msgpack.NewDecoder(bytes.NewReader(b[len("before"):]))
		require.NoError(t, d.Decode(&oracle))
		require.Zero(t, d.Buffered().(*bytes.Reader).Len())
	})
}

// jsonText generates JSON as unpackJSON writes it.
func jsonText(depth int) *rapid.Generator[string] {
	scalars := []*rapid.Generator[string]{
		rapid.SampledFrom([]string{
			"null", "true", "false", "-0", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
			"9007199254740993",
		}),
		rapid.Map(rapid.Int64(), func(n int64) string { return strconv.FormatInt(n, 10) }),
		rapid.Map(rapid.Uint64(), func(n uint64) string { return strconv.FormatUint(n, 10) }),
		rapid.Map(rapid.Float64(), func(f float64) string { return string(must(json.Marshal(f))) }),
		rapid.Map(rapid.String(), func(s string) string { return string(appendQuoted(nil, s)) }),
		rapid.Map(rapid.StringN(0, 300, 70000), func(s string) string { return string(appendQuoted(nil, s)) }),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	below := rapid.Deferred(func() *rapid.Generator[string] { return jsonText(depth - 1) })
	member := rapid.Custom(func(t *rapid.T) string {
		return string(appendQuoted(nil, rapid.String().Draw(t, "key"))) + ":" + below.Draw(t, "value")
	})
	return rapid.OneOf(append(scalars,
		rapid.Map(rapid.SliceOfN(below, 0, 20), func(all []string) string { return "[" + strings.Join(all, ",") + "]" }),
		rapid.Map(rapid.SliceOfN(member, 0, 20), func(all []string) string { return "{" + strings.Join(all, ",") + "}" }),
	)...)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestMessagePackAgainstTheOracle holds the encoder and the decoder against another library.
func TestMessagePackAgainstTheOracle(t *testing.T) {
	t.Parallel()
	p := &messagePack{}
	rapid.Check(t, func(t *rapid.T) {
		v := goValue(3).Draw(t, "value")
		ours, err := p.appendValue(nil, v)
		require.NoError(t, err)

		var read any
		d := msgpack.NewDecoder(bytes.NewReader(ours))
		require.NoError(t, d.Decode(&read))
		require.Equal(t, plain(v), plain(read))

		var theirs bytes.Buffer
		e := msgpack.NewEncoder(&theirs)
		e.SetSortMapKeys(true)
		e.UseCompactInts(rapid.Bool().Draw(t, "compact"))
		require.NoError(t, e.Encode(v))
		want, err := unpackJSON(ours)
		require.NoError(t, err)
		got, err := unpackJSON(theirs.Bytes())
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	})
}

// TestMessagePackRecordsOfTheOracle: what the other library writes is read.
func TestMessagePackRecordsOfTheOracle(t *testing.T) {
	t.Parallel()
	p := &messagePack{}
	text := rapid.StringN(1, -1, 70000)
	rapid.Check(t, func(t *rapid.T) {
		id, target := text.Draw(t, "id"), text.Draw(t, "target")
		headers := rapid.MapOf(text, text).Draw(t, "headers")
		arguments := rapid.SliceOfN(goValue(2), 0, 20).Draw(t, "arguments")
		streams := rapid.SliceOf(text).Draw(t, "streams")
		kind := rapid.SampledFrom([]int{TypeInvocation, TypeStreamInvocation}).Draw(t, "kind")
		record := must(msgpack.Marshal([]any{kind, headers, id, target, arguments, streams}))

		split, rest, ok, err := p.Split(append(seal(bytes.Clone(record), 0), "rest"...), 0, math.MaxInt)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "rest", string(rest))
		m, err := p.Parse(split)
		require.NoError(t, err)
		require.Equal(t,
			Inbound{
				Kind: kind, InvocationID: id, Target: target, HasTarget: true, Arguments: m.Arguments, StreamIDs: m.StreamIDs,
			}, m)
		require.Equal(t, fmt.Sprint(streams), fmt.Sprint(m.StreamIDs))
		elements := p.Elements(nil, m.Arguments)
		require.Len(t, elements, len(arguments))
		for i, raw := range elements {
			var got any
			d := msgpack.NewDecoder(bytes.NewReader(raw))
			require.NoError(t, d.Decode(&got))
			require.Equal(t, plain(arguments[i]), plain(got))
		}
		for cut := range len(record) { // and no cut record: the message is malformed, or the invocation has no arguments
			m, err := p.Parse(record[:cut])
			if m.Unbound != nil {
				require.NoError(t, err)
				require.Nil(t, m.Arguments)
				continue
			}
			require.ErrorIs(t, err, ErrMalformed)
			if cut > 300 {
				break
			}
		}
	})
}

// goValue generates values that both libraries encode in the same way.
func goValue(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Int8().AsAny(),
		rapid.Uint16().AsAny(),
		rapid.Float64Range(-1e300, 1e300).AsAny(), rapid.Float32Range(-1e30, 1e30).AsAny(), rapid.String().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 300).AsAny(),
		rapid.Custom(func(t *rapid.T) any {
			seconds := rapid.Int64Range(firstSecond, lastSecond).Draw(t, "seconds")
			return time.Unix(seconds, rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).UTC()
		}),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	below := rapid.Deferred(func() *rapid.Generator[any] { return goValue(depth - 1) })
	return rapid.OneOf(append(scalars, rapid.SliceOfN(below, 0, 20).AsAny(),
		rapid.MapOfN(rapid.String(), below, 0, 20).AsAny())...)
}

// plain writes a value in a way that does not tell the widths of integers apart.
func plain(v any) string {
	switch v := v.(type) {
	case []any:
		all := make([]string, len(v))
		for i := range v {
			all[i] = plain(v[i])
		}
		return fmt.Sprint(all)
	case map[string]any:
		all := make(map[string]string, len(v))
		for key, value := range v {
			all[key] = plain(value)
		}
		return fmt.Sprintf("%q", all)
	case float32:
		return fmt.Sprintf("float %v", float64(v))
	case float64:
		return fmt.Sprintf("float %v", v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case string, []byte:
		return fmt.Sprintf("%T %q", v, v)
	default:
		return fmt.Sprint(v)
	}
}
