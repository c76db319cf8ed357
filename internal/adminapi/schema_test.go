package adminapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// schema is a JSON Schema, as far as the OpenAPI document uses it. All numbers are json.Number.
type schema map[string]any

// check returns why value does not fit, one reason a line. An unknown keyword is also a reason, so that every rule
// of the document is checked.
func (d *document) check(s schema, value any, at string) (complaints []string) {
	complain := func(format string, args ...any) {
		complaints = append(complaints, at+": "+fmt.Sprintf(format, args...))
	}
	for keyword, argument := range s {
		switch keyword {
		case "description", "default":
		case "$ref":
			complaints = append(complaints, d.check(d.component(argument.(string)), value, at)...)
		case "type":
			if !slices.ContainsFunc(list(argument), func(name any) bool { return isOfType(value, name) }) {
				complain("%v is not of type %v", value, argument)
			}
		case "const":
			if !reflect.DeepEqual(value, argument) {
				complain("%v is not %v", value, argument)
			}
		case "enum":
			if !slices.Contains(list(argument), value) {
				complain("%v is none of %v", value, argument)
			}
		case "pattern":
			if text, ok := value.(string); ok && !regexp.MustCompile(argument.(string)).MatchString(text) {
				complain("%q does not match %s", text, argument)
			}
		case "maxLength":
			if text, ok := value.(string); ok &&
				beyond(json.Number(strconv.Itoa(utf8.RuneCountInString(text))), "maximum", argument.(json.Number)) {
				complain("has %d characters", utf8.RuneCountInString(text))
			}
		case "format":
			if text, ok := value.(string); ok && !isOfFormat(text, argument.(string)) {
				complain("%q is no %s", text, argument)
			}
		case "minimum", "maximum":
			if n, ok := value.(json.Number); ok && beyond(n, keyword, argument.(json.Number)) {
				complain("%s is beyond the %s %s", n, keyword, argument)
			}
		case "minItems":
			if items, ok := value.([]any); ok &&
				beyond(json.Number(strconv.Itoa(len(items))), "minimum", argument.(json.Number)) {
				complain("has %d items", len(items))
			}
		case "items":
			items, _ := value.([]any)
			for i, item := range items {
				complaints = append(complaints, d.check(argument.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i))...)
			}
		case "required":
			object, ok := value.(map[string]any)
			for _, name := range list(argument) {
				if _, there := object[name.(string)]; ok && !there {
					complain("%s is missing", name)
				}
			}
		case "properties", "additionalProperties":
		default:
			complain("the schema has the unknown keyword %q", keyword)
		}
	}
	return append(complaints, d.checkProperties(s, value, at)...)
}

func (d *document) checkProperties(s schema, value any, at string) (complaints []string) {
	object, _ := value.(map[string]any)
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		further, ok := properties[name]
		if !ok {
			further, ok = s["additionalProperties"]
		}
		switch further := further.(type) {
		case map[string]any:
			complaints = append(complaints, d.check(further, object[name], at+"."+name)...)
		case bool:
			if ok && !further {
				complaints = append(complaints, at+": there should be no "+name)
			}
		}
	}
	return complaints
}

// list is for keywords that take one value or several.
func list(argument any) []any {
	if several, ok := argument.([]any); ok {
		return several
	}
	return []any{argument}
}

func isOfType(value, name any) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case json.Number:
		_, err := value.Int64()
		return name == "number" || (name == "integer" && err == nil)
	case []any:
		return name == "array"
	default:
		return name == "object"
	}
}

func isOfFormat(text, format string) bool {
	var err error
	switch format {
	case "uuid":
		_, err = uuid.Parse(text)
	case "date-time":
		_, err = time.Parse(time.RFC3339Nano, text)
		if err == nil && !strings.HasSuffix(text, "Z") {
			return false
		}
	case "uri":
		_, err = url.ParseRequestURI(text)
	default:
		return false
	}
	return err == nil
}

func beyond(n json.Number, keyword string, limit json.Number) bool {
	value, err := n.Float64()
	bound, _ := limit.Float64()
	return err != nil || (keyword == "minimum" && value < bound) || (keyword == "maximum" && value > bound)
}
