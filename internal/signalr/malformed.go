package signalr

import "github.com/yummyzoom/herald/internal/signalr/wire"

var (
	errMalformed = wire.ErrMalformed
	errTooLarge  = wire.ErrTooLarge
)

func malformedf(format string, args ...any) error { return wire.Malformedf(format, args...) }
