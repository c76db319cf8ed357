package jsonscan

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzScan holds the scanner against encoding/json, both ways.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `[1,-2.5e3,"\u00e9\n",true,false,null,{"a":{}}]`, `{"a":1,}`, `[1 2]`, `-`, `1.`, `"\x"`,
		` {"a" : [ ] } `, `tru`, `nul`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := New(data, 10_000) // encoding/json's own limit
		_, err := s.Value()
		ok := err == nil && s.End()
		if valid := json.Valid(data); ok != valid {
			t.Fatalf("scanner says %t (%v), encoding/json %t", ok, err, valid)
		}
	})
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for text, levels := range map[string]int{
		`1`: 0, `[]`: 1, `{}`: 1, `[1, [], {"a": 1}]`: 2, `{"a": {"b": [{}]}, "c": [[1]]}`: 4,
		strings.Repeat("[", 64) + strings.Repeat("]", 64): 64,
	} {
		s := New([]byte(text), levels)
		raw, err := s.Value()
		require.NoError(t, err, text)
		require.Equal(t, text, string(raw))
		s = New([]byte(text), levels-1)
		if _, err = s.Value(); levels > 0 {
			require.ErrorIs(t, err, ErrLevels, text)
		}
	}
}

func TestForbiddenName(t *testing.T) {
	t.Parallel()
	for text, wrong := range map[string]bool{
		`{"no": 1}`: true, `[{"a": {"no": 1}}]`: true, `{"n\u006f": 1}`: true, `{"No": "no", "a": ["no"], "no ": {}}`: false,
		`"no"`: false,
	} {
		s := Forbidding([]byte(text), 9, "no")
		_, err := s.Value()
		require.Equal(t, wrong, errors.Is(err, ErrForbidden), "%s: %v", text, err)
		s = New([]byte(text), 9)
		_, err = s.Value()
		require.NoError(t, err, text)
	}
}

func TestMembersAndElements(t *testing.T) {
	t.Parallel()
	s := New([]byte(` {"a" : [1 , "x\n" ,{}] , "b\u0041":null} `), 3)
	var seen []string
	require.NoError(t, s.Members(func(name []byte) error {
		raw, err := s.Value()
		seen = append(seen, string(name), string(raw))
		inner := New(raw, 2)
		_ = inner.Elements(func(raw []byte) { seen = append(seen, string(raw)) })
		return err
	}))
	require.True(t, s.End())
	require.Equal(t, []string{"a", `[1 , "x\n" ,{}]`, "1", `"x\n"`, "{}", "bA", "null"}, seen)
	require.Equal(t, "x\n", Unquote([]byte(`"x\n"`)))
}

// An error says what is wrong, and about where.
func TestErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		says string
		at   int
	}{
		``: {"not a JSON value", 0}, ` nul`: {"not a JSON value", 1}, `[1 2]`: {"array is not closed", 3},
		`{"a" 1}`:  {"no colon behind a property name", 5},
		`{"a":1,}`: {"not a JSON string", 7}, `{"a":1`: {"object is not closed", 6},
		`"\x"`: {"bad escape in a JSON string", 0}, `"\u12"`: {"bad escape in a JSON string", 0},
		`"a`: {"JSON string is not closed", 0}, "\"\t\"": {"control character in a JSON string", 0},
		`-`: {"not a JSON value", 1}, `1.`: {"no digit behind the decimal point", 2},
		`1e+`: {"no digit in the exponent", 3},
	} {
		s := New([]byte(text), 9)
		_, err := s.Value()
		require.EqualError(t, err, want.says, text)
		require.Equal(t, want.at, s.Pos(), text)
	}
	s := New([]byte(`1`), 9)
	require.EqualError(t, s.Open('{'), "not a JSON object")
	require.EqualError(t, s.Open('['), "not a JSON array")
}

func TestScanningAllocatesNothing(t *testing.T) { //nolint:paralleltest // others' allocations would count
	data := []byte(`{"a":[1,-2.5e3,"\u00e9",true,false,null,{"a":{}}],"b":{"c":[[]]}}`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s := Forbidding(data, 9, "no")
		if _, err := s.Value(); err != nil {
			panic(err)
		}
	}))
}
