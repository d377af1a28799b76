package remote

import (
	"errors"
	"fmt"
)

// At construction and start.
var (
	// ErrInvalidConfig is wrapped by every complaint about a [TCPConfig] or the local [Hello]. Correct it.
	ErrInvalidConfig = errors.New("remote: invalid config")
	// ErrClosed: the transport was closed, or is started a second time. Make a new one.
	ErrClosed = errors.New("remote: transport closed or already started")
)

// While a connection begins.
var (
	// ErrRefused is wrapped by everything that ends a handshake without a connection: another cluster, another
	// version, a foreign protocol.
	ErrRefused = errors.New("remote: handshake refused")
)

// While a connection carries messages.
var (
	// ErrMalformed is wrapped by what the gateway says of bytes that no correct peer sends. It closes the connection.
	ErrMalformed = errors.New("remote: malformed")
	// ErrUnknownMessage: the message has a type that this build does not know. It is counted and ignored.
	ErrUnknownMessage = errors.New("remote: unknown message type")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}
