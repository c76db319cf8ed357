package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The scanner accepts the objects that encoding/json accepts, and finds the same members.
func FuzzScannedPayload(f *testing.F) {
	for _, payload := range []string{
		`{}`, ` { } `, `{"orderNumber": "YZ-1", "status": "Placed"}`, `{"a": 1, "a": "b", "A": null}`,
		"{\"a\": \"\xff\"}", `{} x`, `{"a": "a\n\u0041\ud800"}`,
		`{"a": 1,}`, `{"a": "a" "b": "b"}`, `{"a": "b"`, `{"a"`, `{"a": {"b": [1, {"c": null}, [], {}]}, "d": -0.5e+10}`,
		`{"a": 01}`, `{"a": 1.}`, `{"a": 1e}`,
		`{"a": -}`, `{"a": nul}`, `{"a": truex}`, `{"a": "\u00g0"}`, `{"a": "\x"}`, "{\"a\": \"\x01\"}", `null`, `[]`, ``,
		`"`, `{"\u0061": 1}`, `{"a\"b": {}}`,
		"{\t\"a\"\r:\n1}", `{"a": [1,]}`, `{"a": {"b" 1}}`, `{"__proto__": 1}`, `{"a": [{"__proto__": 1}]}`,
		`{"\u005f_proto__": 1}`,
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var want map[string]json.RawMessage
		valid := json.Unmarshal(payload, &want) == nil && bytes.TrimLeft(payload, " \n\r\t")[0] == '{'
		s, members := scanUsed(payload), map[string]json.RawMessage{}
		for name, value, ok := s.next(); ok; name, value, ok = s.next() {
			members[unquote(quote(string(name)))] = value // with U+FFFD for invalid UTF-8, as encoding/json has it
		}
		require.Equal(t, valid, s.problem == "", s.problem)
		if !valid {
			return
		}
		require.Len(t, members, len(want))
		for name, value := range want {
			require.Equal(t, string(value), string(members[name]), name)
		}
		strict := scanPayload(payload)
		for ok := true; ok; {
			_, _, ok = strict.next()
		}
		if strict.problem == "" {
			var anything any
			require.NoError(t, json.Unmarshal(payload, &anything))
			require.True(t, readable(anything, PayloadLevel))
		} else {
			require.True(
				t, strings.Contains(strict.problem, "deeper") || strings.Contains(strict.problem, ForbiddenKey), strict.problem,
			)
		}
	})
}

// readable says whether clients can read value, whose outermost object or list is at level.
func readable(value any, level int) bool {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			if !readable(element, level+1) {
				return false
			}
		}
		return level <= MaxLevels
	case map[string]any:
		for name, element := range v {
			if name == ForbiddenKey || !readable(element, level+1) {
				return false
			}
		}
		return level <= MaxLevels
	default:
		return true
	}
}

// Acceptance: A-465.
func TestIDsAreReadAsPostgreSQLReadsThem(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"f47ac10b-58cc-4372-a567-0e02b2c3d479": true, "F47AC10B-58CC-4372-A567-0E02B2C3D479": true,
		"{f47ac10b-58cc-4372-a567-0e02b2c3d479}": true,
		"f47ac10b58cc4372a5670e02b2c3d479":       true, "f47a-c10b-58cc-4372-a567-0e02-b2c3-d479": true,
		"urn:uuid:f47ac10b-58cc-4372-a567-0e02b2c3d479": true,
		"URN:UUID:F47AC10B-58CC-4372-A567-0E02B2C3D479": true, "{F47AC10B58CC4372A5670E02B2C3D479}": true,
		"": false, "{}": false, "{f47ac10b-58cc-4372-a567-0e02b2c3d479": false,
		"f47ac10b-58cc-4372-a567-0e02b2c3d479}": false, "-f47ac10b58cc4372a5670e02b2c3d479": false,
		"f47ac10b--58cc-4372-a567-0e02b2c3d479": false, "f47ac10b-58cc-4372-a567-0e02b2c3d479-": false,
		"f4-7ac10b58cc4372a5670e02b2c3d479":    false,
		"g47ac10b-58cc-4372-a567-0e02b2c3d479": false, "f47ac10b-58cc-4372-a567-0e02b2c3d47": false,
		"f47ac10b-58cc-4372-a567-0e02b2c3d4799": false, "YZ-1": false,
	} {
		id, got := parseID(quote(text))
		require.Equal(t, ok, got, text)
		if ok {
			require.Equal(t, "f47ac10b-58cc-4372-a567-0e02b2c3d479", id.String())
		}
	}
	for _, value := range []string{"", "null", "1", "{}"} {
		_, ok := parseID([]byte(value))
		require.False(t, ok, value)
	}
}
