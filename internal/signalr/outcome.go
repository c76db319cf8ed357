package signalr

// CloseReason says why a connection ended.
type CloseReason string

// Why connections end.
const (
	ClosedByClient     CloseReason = "client"       // a Close message, or the transport's own goodbye
	ClosedByServer     CloseReason = "server"       // [Conn.Close], or OnConnected refused
	AccessRevoked      CloseReason = "revoked"      // [Conn.CloseFor], where what the client may do has changed
	Disconnected       CloseReason = "disconnected" // [Conn.CloseFor], by an administrator
	ConnectionLost     CloseReason = "lost"         // the socket failed or ended without a farewell
	HandshakeFailed    CloseReason = "handshake"    // not understood, not supported, or not in time
	ProtocolViolated   CloseReason = "protocol"     // malformed data, or a message that is too large
	ClientTimedOut     CloseReason = "timeout"      // nothing read for ClientTimeout
	ClientTooSlow      CloseReason = "overflow"     // the queue was full
	RateExceeded       CloseReason = "rate"         // more messages or invocations a second than a client may send
	CredentialsExpired CloseReason = "expired"      // the user's ExpiresAt passed
	ServerShuttingDown CloseReason = "shutdown"
)

// Outcome says how an invocation ended.
type Outcome string

// How invocations end.
const (
	Succeeded Outcome = "ok"      // or the client wanted no more: it has cancelled, or is gone
	Refused   Outcome = "refused" // a [HubError], an id in use, or more streams than are allowed
	Failed    Outcome = "error"   // any other error
	Panicked  Outcome = "panic"
	Unbound   Outcome = "unbound" // no such method, or arguments that do not fit it
)
