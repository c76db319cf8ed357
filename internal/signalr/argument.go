package signalr

import (
	"fmt"
	"reflect"
)

// argument is a type that is decoded from what the client sends.
type argument[A any] struct {
	nullable bool
}

func (x argument[A]) decode(p protocol, raw []byte) (A, error) {
	var a A
	if !x.nullable && p.isNull(raw) {
		return a, bindingErrorf("null given for %T", a)
	}
	if err := p.decode(raw, &a); err != nil {
		return a, bindingErrorf("decoding %T: %v", a, err)
	}
	return a, nil
}

// bindingError is a failure to bind arguments; its text is for the log only.
type bindingError struct{ reason string }

func (e *bindingError) Error() string { return e.reason }

func bindingErrorf(format string, args ...any) error {
	return &bindingError{reason: fmt.Sprintf(format, args...)}
}

// newArgument finds out whether an A can be nothing; a string, too, may be null in .NET.
func newArgument[A any]() argument[A] {
	switch reflect.TypeFor[A]().Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.String:
		return argument[A]{nullable: true}
	default:
		return argument[A]{}
	}
}
