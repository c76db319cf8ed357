package event

// The outcomes of a resume, or of a page of missed events.
const (
	// Resumed: every later event has been sent.
	Resumed = "resumed"
	// Gap: Herald cannot show that no event is missing. The client is joined live and has to fetch its state anew.
	Gap = "gap"
)
