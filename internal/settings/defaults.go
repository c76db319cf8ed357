package settings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Defaults returns a settings struct with its defaults. It reads no environment.
func Defaults[T any]() T {
	var s T
	each(reflect.ValueOf(&s).Elem(), "", field.setDefault)
	return s
}

func set(v reflect.Value, text string) error {
	switch v.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(text)
		v.SetInt(int64(d))
		return err //nolint:wrapcheck // Defaults names the setting
	case int, int64:
		n, err := strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
		return err //nolint:wrapcheck // likewise
	case bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err //nolint:wrapcheck // likewise
	case string:
		v.SetString(text)
		return nil
	}
	return fmt.Errorf("no defaults for a %s", v.Type())
}

// field is one setting.
type field struct {
	name  string // its variable, or its flag where it has none
	value reflect.Value
	of    reflect.Value // the struct that it is in
	tag   reflect.StructTag
}

func (f field) setDefault() {
	text, ok := f.tag.Lookup("default")
	if !ok {
		return
	}
	if err := set(f.value, text); err != nil {
		panic(fmt.Sprintf("settings: the default of %s: %v", f.name, err)) // a mistake in the source, which every test finds
	}
}

// each visits every setting of a struct, including those of embedded structs. The prefix stands before the
// variables' names.
func each(s reflect.Value, prefix string, visit func(field)) {
	for i := range s.NumField() {
		of := s.Type().Field(i)
		_, embedded := of.Tag.Lookup("embed")
		switch {
		case of.Type.Kind() == reflect.Struct && (of.Anonymous || embedded):
			each(s.Field(i), prefix+of.Tag.Get("envprefix"), visit)
		case of.IsExported():
			name := of.Name
			if env := of.Tag.Get("env"); env != "" {
				name = prefix + env
			}
			visit(field{name, s.Field(i), s, of.Tag})
		}
	}
}

// Complete fills in what was left out of a settings struct: each 0 that must not be 0, and everything where nothing is
// set. Of a struct whose every field may be 0 nobody can tell that nothing is set: it stays as it is.
func Complete[T any](s *T) {
	v := reflect.ValueOf(s).Elem()
	missing := false
	each(v, "", func(f field) { missing = missing || f.isMissing() })
	if missing && v.IsZero() {
		*s = Defaults[T]()
		return
	}
	each(v, "", func(f field) {
		if f.isMissing() {
			f.setDefault()
		}
	})
}

// isMissing says whether the field is 0 and must not be.
func (f field) isMissing() bool {
	return f.value.IsZero() && strings.HasPrefix(f.tag.Get("zero"), refused)
}
