package wire

import (
	"errors"
	"fmt"
)

// ErrMalformed is what all errors in a client's message wrap for which .NET would throw InvalidDataException. They
// end the connection.
var ErrMalformed = errors.New("malformed message")

// Malformedf returns an error that wraps [ErrMalformed].
func Malformedf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// ErrTooLarge says that a message is larger than a client may send.
var ErrTooLarge = errors.New("message is too large")
