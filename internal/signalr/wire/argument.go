package wire

import (
	"fmt"
	"reflect"
)

// Argument decodes what a client sends to the type A.
type Argument[A any] struct {
	nullable bool
}

// Decode reads an argument. Its error is a binding failure.
func (x Argument[A]) Decode(p Protocol, raw []byte) (A, error) {
	var a A
	if !x.nullable && p.isNull(raw) {
		return a, BindingErrorf("null given for %T", a)
	}
	if err := p.Decode(raw, &a); err != nil {
		return a, BindingErrorf("decoding %T: %v", a, err)
	}
	return a, nil
}

// bindingError is a binding failure. Its text is for the log only.
type bindingError struct{ reason string }

func (e *bindingError) Error() string { return e.reason }

// BindingErrorf returns a binding failure.
func BindingErrorf(format string, args ...any) error {
	return &bindingError{reason: fmt.Sprintf(format, args...)}
}

// NewArgument finds out whether an A may be null. A string may, as in .NET.
func NewArgument[A any]() Argument[A] {
	switch reflect.TypeFor[A]().Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.String:
		return Argument[A]{nullable: true}
	default:
		return Argument[A]{}
	}
}
