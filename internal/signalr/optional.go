package signalr

import "github.com/yummyzoom/herald/internal/signalr/wire"

// Optional is a trailing parameter of a hub method, which a client may leave out. It stands behind all required
// parameters; registering a method where it does not panics.
type Optional[T any] struct {
	Value T
	Given bool // the client has sent it, maybe as null
}

func (*Optional[T]) decoder() func(p wire.Protocol, raw []byte, into any) error {
	argument := argumentOf[T]()
	return func(p wire.Protocol, raw []byte, into any) error {
		value, err := argument.Decode(p, raw)
		if o, ok := into.(*Optional[T]); ok && err == nil {
			*o = Optional[T]{Value: value, Given: true}
		}
		return err
	}
}
