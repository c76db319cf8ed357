package event

// What a resume, or a page of missed events, has come to.
const (
	// Resumed: every later event has been sent.
	Resumed = "resumed"
	// Gap: it cannot be shown that nothing is missing. The client is joined live and has to fetch its state anew.
	Gap = "gap"
)
