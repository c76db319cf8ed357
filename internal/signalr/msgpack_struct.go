package signalr

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// structField is a field of a struct that encoding/json would write.
type structField struct {
	name   string
	tagged bool  // the name is the tag's
	index  []int // through embedded structs
	typ    reflect.Type
	omit   func(reflect.Value) bool // nil: never
	quoted bool

	key    []byte     // the name as MessagePack
	encode encodeFunc // nil: that of typ
}

func (p *messagePackProtocol) structEncoder(t reflect.Type) encodeFunc {
	fields := fieldsOf(t)
	for i := range fields {
		f := &fields[i]
		name := f.name
		if p.names == DotNetNames {
			name = dotNetName(name)
		}
		f.key = appendPackText(nil, name)
		switch {
		case f.quoted:
			f.encode = p.newEncoder(f.typ, true, true)
		case f.typ == reflect.TypeFor[json.RawMessage]():
			f.encode = encodeRawMember
		}
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		if depth > maxNesting {
			return nil, errNesting
		}
		at, n := len(b), 0
		b = openPack(b)
		for i := range fields {
			f := &fields[i]
			value, ok := f.of(v)
			if !ok || f.omit != nil && f.omit(value) {
				continue
			}
			encode := f.encode
			if encode == nil {
				encode = p.encoder(f.typ)
			}
			var err error
			if b, err = encode(append(b, f.key...), value, depth+1); err != nil {
				return nil, err
			}
			n++
		}
		return closePack(b, at, n, packFixMap, packMap16), nil
	}
}

// of returns the field's value, or false where it is in an embedded struct that is not there.
func (f *structField) of(v reflect.Value) (reflect.Value, bool) {
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// fieldsOf follows the rules of encoding/json: a name in a struct hides it in what that embeds; among equals one with a tag
// wins, and where that leaves more than one, there is none.
func fieldsOf(t reflect.Type) []structField {
	type embedded struct {
		typ   reflect.Type
		index []int
	}
	var found []structField
	seen := make(map[reflect.Type]bool)
	level, times := []embedded{{typ: t}}, map[reflect.Type]int{}
	for len(level) > 0 {
		var below []embedded
		timesBelow := make(map[reflect.Type]int)
		for _, e := range level {
			if seen[e.typ] {
				continue
			}
			seen[e.typ] = true
			for i := range e.typ.NumField() {
				index := append(slices.Clone(e.index), i)
				f, ok := fieldOf(e.typ.Field(i), index)
				switch {
				case !ok:
				case f.name != "":
					found = append(found, f)
					if times[e.typ] > 1 { // embedded twice: it hides itself
						found = append(found, f)
					}
				default:
					if timesBelow[f.typ]++; timesBelow[f.typ] == 1 {
						below = append(below, embedded{f.typ, index})
					}
				}
			}
		}
		level, times = below, timesBelow
	}
	return dominant(found)
}

// fieldOf reads a field's tag. The name is empty for a struct whose fields are to be looked at instead.
func fieldOf(sf reflect.StructField, index []int) (structField, bool) {
	typ := sf.Type
	if typ.Kind() == reflect.Pointer && typ.Name() == "" {
		typ = typ.Elem()
	}
	tag := sf.Tag.Get("json")
	if tag == "-" || !sf.IsExported() && (!sf.Anonymous || typ.Kind() != reflect.Struct) {
		return structField{}, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	f := structField{name: name, tagged: name != "", index: index, typ: sf.Type}
	if name == "" {
		if sf.Anonymous && typ.Kind() == reflect.Struct {
			f.typ = typ
			return f, true
		}
		f.name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			f.omit = either(f.omit, isEmpty)
		case "omitzero":
			f.omit = either(f.omit, isZero(sf.Type))
		case "string":
			f.quoted = isScalar(typ)
		}
	}
	return f, true
}

func validName(name string) bool {
	for _, r := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return name != ""
}

func isScalar(t reflect.Type) bool {
	zero := reflect.Zero(t)
	return zero.CanInt() || zero.CanUint() || zero.CanFloat() || t.Kind() == reflect.Bool || t.Kind() == reflect.String
}

// dominant leaves the fields that are not hidden, in the order in which they are declared.
func dominant(fields []structField) []structField {
	type rank struct{ depth, untagged, count int }
	best := make(map[string]rank)
	rankOf := func(f structField) rank {
		r := rank{depth: len(f.index)}
		if !f.tagged {
			r.untagged = 1
		}
		return r
	}
	for _, f := range fields {
		r := rankOf(f)
		b, ok := best[f.name]
		switch {
		case !ok || r.depth < b.depth || r.depth == b.depth && r.untagged < b.untagged:
			r.count = 1
			best[f.name] = r
		case r.depth == b.depth && r.untagged == b.untagged:
			b.count++
			best[f.name] = b
		}
	}
	kept := slices.DeleteFunc(fields, func(f structField) bool {
		r := rankOf(f)
		r.count = 1
		return best[f.name] != r
	})
	slices.SortFunc(kept, func(a, b structField) int { return slices.Compare(a.index, b.index) })
	return kept
}

func either(a, b func(reflect.Value) bool) func(reflect.Value) bool {
	if a == nil {
		return b
	}
	return func(v reflect.Value) bool { return a(v) || b(v) }
}

// isEmpty is what ",omitempty" leaves out.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Bool, reflect.Interface, reflect.Pointer:
		return v.IsZero()
	default:
		return (v.CanInt() || v.CanUint() || v.CanFloat()) && v.IsZero()
	}
}

// isZero returns what ",omitzero" leaves out: what its own IsZero says is zero, or else the zero value.
func isZero(t reflect.Type) func(reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	own := reflect.TypeFor[zeroer]()
	nilOr := func(v reflect.Value) bool {
		z, ok := reflect.TypeAssert[zeroer](v)
		return !ok || z.IsZero()
	}
	switch {
	case t.Kind() == reflect.Interface && t.Implements(own):
		return func(v reflect.Value) bool {
			return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() || nilOr(v)
		}
	case t.Kind() == reflect.Pointer && t.Implements(own):
		return func(v reflect.Value) bool { return v.IsNil() || nilOr(v) }
	case t.Implements(own):
		return nilOr
	case reflect.PointerTo(t).Implements(own):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				copied := reflect.New(t).Elem()
				copied.Set(v)
				v = copied
			}
			return nilOr(v.Addr())
		}
	default:
		return reflect.Value.IsZero
	}
}
