package adminapi

import (
	"bytes"
	"encoding/json"
	"strings"
)

// laidOutWidth is the longest line for a value on one line.
const laidOutWidth = 148

// laidOut is the text between an object's braces, at this depth: one member a line where it fits.
func laidOut(o object, level int) string {
	lines := make([]string, 0, len(o))
	for _, m := range o {
		start := strings.Repeat("  ", level) + oneLine(m.name) + ": "
		lines = append(lines, start+laidOutValue(m.value, level, len(start)))
	}
	return strings.Join(lines, ",\n")
}

func laidOutValue(value any, level, before int) string {
	one := oneLine(value)
	if before+len(one) <= laidOutWidth {
		return one
	}
	end := "\n" + strings.Repeat("  ", level)
	switch v := value.(type) {
	case object:
		return "{\n" + laidOut(v, level+1) + end + "}"
	case []any:
		items := make([]string, 0, len(v))
		for _, item := range v {
			start := strings.Repeat("  ", level+1)
			items = append(items, start+laidOutValue(item, level+1, len(start)))
		}
		return "[\n" + strings.Join(items, ",\n") + end + "]"
	default:
		return one
	}
}

// oneLine is a value on one line.
func oneLine(value any) string {
	var parts []string
	switch v := value.(type) {
	case object:
		for _, m := range v {
			parts = append(parts, oneLine(m.name)+": "+oneLine(m.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, oneLine(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(v) // a string, a number, true, false or null
		return strings.TrimSpace(b.String())
	}
}
