package signalr

import (
	"fmt"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// parameter is a parameter of a hub method.
type parameter[A any] struct {
	form     form
	argument wire.Argument[A]
	upload   func(in *binding) any
	optional func(p wire.Protocol, raw []byte, into any) error
}

// The special types of a parameter; any other type is decoded. The methods are called at registration, on nil.
type (
	uploadType interface {
		uploads() func(in *binding) any
	}
	optionalType interface {
		decoder() func(p wire.Protocol, raw []byte, into any) error
	}
)

func parameterOf[A any]() parameter[A] {
	var a A
	if u, ok := any(a).(uploadType); ok {
		return parameter[A]{form: streamed, upload: u.uploads()}
	}
	if o, ok := any(&a).(optionalType); ok {
		return parameter[A]{form: optional, optional: o.decoder()}
	}
	return parameter[A]{form: required, argument: argumentOf[A]()}
}

func (x *parameter[A]) take(in *binding) A {
	var a A
	switch {
	case in.err != nil:
	case x.form == streamed:
		a, _ = x.upload(in).(A) // it is an A: x was made from A
	case x.form == optional:
		return x.takeOptional(in)
	default:
		a, in.err = x.argument.Decode(in.protocol, in.next())
	}
	return a
}

func (x *parameter[A]) takeOptional(in *binding) A {
	var a A
	if len(in.arguments) > 0 {
		in.err = x.optional(in.protocol, in.next(), &a)
	}
	return a
}

// argumentOf panics for the special types, which must not be decoded as if they were data.
func argumentOf[A any]() wire.Argument[A] {
	var a A
	for _, v := range []any{a, &a} {
		_, isUpload := v.(uploadType)
		_, isOptional := v.(optionalType)
		if isUpload || isOptional {
			panic(fmt.Sprintf(
				"signalr: %T cannot be decoded: parameters are *Upload[T] or Optional[T], and not one in the other", a,
			))
		}
	}
	return wire.NewArgument[A]()
}
