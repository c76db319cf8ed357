package signalr

import (
	"errors"
	"strconv"

	"github.com/yummyzoom/herald/internal/signalr/transport"
)

var (
	// ErrForbidden is what Config.Authenticate returns, wrapped or not, for a known user who may not connect.
	ErrForbidden = errors.New("forbidden")

	// ErrQueueFull is what [Conn.Send] returns to the call that found the queue full. The connection is then being
	// closed with allowReconnect.
	ErrQueueFull = errors.New("connection's queue is full")

	// ErrOtherUser is what [Conn.Replace] returns for credentials of another user than the connection's.
	ErrOtherUser = errors.New("the new token is another subject's")

	// ErrExpired is what [Conn.Replace] returns for credentials that expired before their turn.
	ErrExpired = errors.New("the new token has expired meanwhile")

	// ErrBusy is what [Conn.Replace] returns where another call on the same connection took too long.
	ErrBusy = errors.New("the connection is busy with another token")

	// ErrNodeGone is what Config.Forward returns, wrapped or not, before it has written anything, where the node is gone.
	ErrNodeGone = errors.New("node is gone")

	// ErrClosed is what a connection's methods return once it is closed or closing.
	ErrClosed = transport.ErrClosed
)

// HubError is an error whose message the caller of a hub method reads, as HubException in .NET. The messages of all
// other errors stay on the server.
type HubError struct{ Message string }

func (e *HubError) Error() string { return e.Message }

// describe is ErrorMessageHelper.BuildErrorMessage of ASP.NET Core with detailed errors off.
func describe(text string, err error) string {
	if refusal, ok := errors.AsType[*HubError](err); ok {
		return text + " HubException: " + refusal.Message
	}
	return text
}

// The texts of ASP.NET Core: HubConnectionContext.cs, HubConnectionHandler.cs and DefaultHubDispatcher.cs.
const (
	textConnectionError = "Connection closed with an error."
	textHandshakeError  = "An unexpected error occurred during connection handshake."
	textHandshakeLate   = "Handshake was canceled."
	textStreamFailed    = "An error occurred on the server while streaming results."
)

// The texts for what .NET allows and this server refuses.
const textTooManyStreams = "Too many streams."

func textStreamInUse(id string) string { return "Stream ID '" + id + "' is already in use." }

func textUnsupportedProtocol(name string) string {
	return "The protocol '" + name + "' is not supported."
}

func textUnsupportedVersion(name string, version int) string {
	return "The server does not support version " + strconv.Itoa(version) + " of the '" + name + "' protocol."
}

func textNeedsBinary(protocol string) string {
	return "Cannot use the '" + protocol +
		"' protocol on the current transport. The transport does not support 'Binary' transfer format."
}

func textBindingFailed(target string, err error) string {
	return describe("Failed to invoke '"+target+"' due to an error on the server.", err)
}

func textInvocationFailed(target string, err error) string {
	return describe("An unexpected error occurred invoking '"+target+"' on the server.", err)
}

func textInvocationInUse(id string) string {
	return "Invocation ID '" + id + "' is already in use."
}

func textStreamCount(got, want int) string {
	return "Client sent " + strconv.Itoa(got) + " stream(s), Hub method expects " + strconv.Itoa(want) + "."
}

func textNoStream(method string) string {
	return "The value returned by the streaming method '" + method + "' is not a ChannelReader<> or IAsyncEnumerable<>."
}

func textStreaming(target string) string {
	return "The client attempted to invoke the streaming '" + target + "' method with a non-streaming invocation."
}

func textNotStreaming(target string) string {
	return "The client attempted to invoke the non-streaming '" + target + "' method with a streaming invocation."
}
