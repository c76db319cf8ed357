package wire

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// appendValue writes any Go value as encoding/json would, except that a []byte becomes binary data, a [time.Time] a
// timestamp and a float a float, as in .NET. It transcodes the JSON, and looks at the value for what JSON does not
// say.
func (p *messagePack) appendValue(b []byte, value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return appendPackNil(b), nil
	case string:
		return appendPackText(b, value), nil
	case bool:
		return appendPackBool(b, value), nil
	case int:
		return appendPackInt(b, int64(value)), nil
	case int64:
		return appendPackInt(b, value), nil
	}
	const usual = 256 // of most results
	text, err := appendJSON(make([]byte, 0, usual), value)
	if err != nil {
		return nil, err
	}
	return appendPackFrom(b, text, source{types: p, value: reflect.ValueOf(value)})
}

// goType is what encoding/json makes of a type.
type goType struct {
	marshals          bool               // it has its own marshaler
	marshalsByPointer bool               // a pointer to it has a marshaler
	fields            map[string]goField // of a struct, by name
}

type goField struct {
	index  []int // through embedded structs
	tagged bool  // the name is the tag's
	form   Form
	key    []byte // the name as MessagePack
}

func (p *messagePack) typeOf(t reflect.Type) *goType {
	found, ok := p.types.Load(t)
	if !ok {
		made := &goType{marshals: writesItself(t)}
		made.marshalsByPointer = t.Kind() != reflect.Pointer && writesItself(reflect.PointerTo(t))
		if t.Kind() == reflect.Struct {
			made.fields = make(map[string]goField)
			made.addFields(t, nil, map[reflect.Type]bool{})
			for name, f := range made.fields {
				f.key = appendPackText(nil, p.names.of(name))
				made.fields[name] = f
			}
		}
		found, _ = p.types.LoadOrStore(t, made)
	}
	g, _ := found.(*goType) // nothing else is stored
	return g
}

// writesItself says whether encoding/json leaves values of type t to their own methods. It is false for times, which
// have a type of their own here.
func writesItself(t reflect.Type) bool {
	if t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[*time.Time]() {
		return false
	}
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// addFields adds t's fields, which stand at index. Of two fields with the same name encoding/json writes the one that
// is embedded less deep, or else the one with a tag, or else neither.
func (g *goType) addFields(t reflect.Type, index []int, within map[reflect.Type]bool) {
	within[t] = true
	defer delete(within, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		if strings.ContainsFunc(name, forbiddenInName) {
			name = ""
		}
		f := goField{index: append(slices.Clone(index), i), tagged: name != ""}
		t := sf.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		embedded := sf.Anonymous && t.Kind() == reflect.Struct
		switch {
		case tag == "-" || !sf.IsExported() && !embedded:
			continue
		case embedded && !f.tagged:
			if !within[t] {
				g.addFields(t, f.index, within)
			}
			continue
		case !f.tagged:
			name = sf.Name
		}
		if sf.Type == reflect.TypeFor[json.RawMessage]() {
			f.form = Number
		}
		known, ok := g.fields[name]
		if !ok || len(f.index) < len(known.index) || len(f.index) == len(known.index) && f.tagged && !known.tagged {
			g.fields[name] = f
		}
	}
}

// forbiddenInName says whether encoding/json ignores a tag's name that has r.
func forbiddenInName(r rune) bool {
	return !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// source says where a JSON value comes from, as far as that is known: it is an object with members of the server's
// own, it is such a member, or it was made from a Go value. The zero source says nothing.
type source struct {
	own   *ownMembers
	form  Form
	types *messagePack // that knows value's type
	value reflect.Value
	made  *goType // the type of value, once that is resolved
}

// resolved returns s with the value that its pointers and interfaces hold. It has no value where that has written
// itself, or where JSON says all of it.
func (s source) resolved() source {
	for saysMore(s.value.Kind()) {
		s.made = s.types.typeOf(s.value.Type())
		if s.made.marshals || s.made.marshalsByPointer && s.value.CanAddr() {
			break
		}
		if s.value.Kind() != reflect.Pointer && s.value.Kind() != reflect.Interface {
			return s
		}
		s.value = s.value.Elem()
	}
	s.value = reflect.Value{}
	return s
}

// saysMore says whether values of kind k may say more than their JSON.
func saysMore(k reflect.Kind) bool {
	switch k {
	case reflect.Pointer, reflect.Interface, reflect.Struct, reflect.Map, reflect.Slice, reflect.Array, reflect.Float32,
		reflect.Float64:
		return true
	default:
		return false
	}
}

// field returns the source of the field that JSON calls name, and its name as MessagePack. Where the latter is nil,
// the name is JSON's.
func (s source) field(name []byte) (member source, key []byte) {
	f, ok := s.made.fields[string(name)]
	if !ok {
		return source{}, nil
	}
	v, _ := s.value.FieldByIndexErr(f.index)
	return source{types: s.types, value: v, form: f.form}, f.key
}

// entry returns the source of the map's entry that JSON calls name. It is the zero source for keys that write
// themselves.
func (s source) entry(name string) source {
	key := s.value.Type().Key()
	v := reflect.ValueOf(name)
	if zero := reflect.Zero(key); zero.CanInt() {
		n, _ := strconv.ParseInt(name, 10, 64)
		v = reflect.ValueOf(n)
	} else if zero.CanUint() {
		n, _ := strconv.ParseUint(name, 10, 64)
		v = reflect.ValueOf(n)
	} else if key.Kind() != reflect.String {
		return source{}
	}
	return source{types: s.types, value: s.value.MapIndex(v.Convert(key))}
}

// element returns the source of an array's element.
func (s source) element(i int) source {
	if k := s.value.Kind(); k != reflect.Slice && k != reflect.Array {
		return source{}
	}
	return source{types: s.types, value: s.value.Index(i)}
}
