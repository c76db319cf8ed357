package signalr

import (
	"errors"
	"fmt"
)

// errMalformed is the identity of all errors in what a client sent that .NET would throw InvalidDataException for: they end
// the connection.
var errMalformed = errors.New("malformed message")

func malformedf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

var errTooLarge = errors.New("message is too large")
