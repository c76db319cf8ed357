package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse holds the parser against encoding/json: what it accepts is JSON, and its result is what the JSON says.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"type":6}`, `{"type":7,"error":"x","allowReconnect":true}`,
		`{"arguments":[1,"a",{"b":[null]}],"target":"X","type":1}`,
		`{"type":1,"invocationId":"1","target":"\u0041\"","arguments":[],"headers":{"a":"b"},"streamIds":["1"]}`,
		`{"type":3,"invocationId":"1","result":-0.5e+7}`, `{"type":`, `{"type":01}`, strings.Repeat(`[`, 70),
		"{\"type\":1,\"\\ud800\":\"\x1f\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		m, err := JSON{}.Parse(record)
		var object map[string]json.RawMessage
		if err != nil {
			return
		}
		if !utf8.Valid(record) {
			t.Fatal("took what is not UTF-8")
		}
		if err := json.Unmarshal(record, &object); err != nil {
			t.Fatalf("took what is not JSON: %v", err)
		}
		var kind int
		if err := json.Unmarshal(object["type"], &kind); err != nil || kind != m.Kind {
			t.Fatalf("type %d, but it is %s", m.Kind, object["type"])
		}
		if m.HasTarget {
			var target string
			if err := json.Unmarshal(object["target"], &target); err != nil || target != m.Target {
				t.Fatalf("target %q, but it is %s", m.Target, object["target"])
			}
		}
		if m.Arguments == nil {
			return
		}
		var arguments []json.RawMessage
		if err := json.Unmarshal(object["arguments"], &arguments); err != nil {
			t.Fatalf("arguments: %v", err)
		}
		got := JSON{}.Elements(nil, m.Arguments)
		if len(got) != len(arguments) {
			t.Fatalf("%d arguments, but there are %d", len(got), len(arguments))
		}
		for i := range got {
			if !bytes.Equal(bytes.TrimSpace(got[i]), bytes.TrimSpace(arguments[i])) {
				t.Fatalf("argument %d is %s, but it is %s", i, got[i], arguments[i])
			}
		}
	})
}

func FuzzHandshake(f *testing.F) {
	for _, seed := range []string{
		`{"protocol":"json","version":1}`, `{"version":2,"protocol":"messagepack","x":[{}]}`, `{}`, `[]`,
		`{"protocol":null,"version":1}`,
		`{"protocol":"json","version":1e3}`, `{"protocol":"json","version":1}{}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		r, err := ParseHandshake(record)
		if err != nil {
			return
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(record, &object); err != nil {
			t.Fatalf("took what is not JSON: %v", err)
		}
		var version int
		var protocol string
		if json.Unmarshal(object["version"], &version) != nil || json.Unmarshal(object["protocol"], &protocol) != nil ||
			version != r.Version || protocol != r.Protocol {
			t.Fatalf("read %+v from %s", r, record)
		}
	})
}

// FuzzQuoted: text that is written as a JSON string reads back the same, and cannot end a record.
func FuzzQuoted(f *testing.F) {
	for _, seed := range []string{"", "plain", `"\`, "\x00\x1e\x1f\x7f", "é\u2028😀", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := appendQuoted(nil, s)
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") {
			t.Fatalf("%q was written as %s and reads %q: %v", s, b, back, err)
		}
		if bytes.IndexByte(b, recordSeparator) >= 0 {
			t.Fatalf("%q contains a record separator", b)
		}
	})
}
