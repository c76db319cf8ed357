package checker

import (
	"fmt"

	"github.com/google/uuid"
)

// Kind is the kind of a finding.
type Kind string

// The kinds of findings.
const (
	Lost           Kind = "lost"                 // committed, but not there
	Repeated       Kind = "repeated"             // the same place in the group twice
	Inverted       Kind = "inverted"             // behind an event that it precedes
	Uncommitted    Kind = "uncommitted"          // no producer committed such an event
	Foreign        Kind = "foreign group"        // committed for another group
	WrongAudience  Kind = "wrong audience"       // its audience leaves the group out
	WrongContent   Kind = "wrong content"        // differs from the committed content
	Hole           Kind = "hole in sequences"    // its number does not match its place
	DuplicateTwice Kind = "duplicate id twice"   // one event id has two places in the group
	AfterRevoked   Kind = "after revocation"     // sent to a client that had lost the group
	Early          Kind = "before its time"      // delivered before deliver_after
	Gap            Kind = "gap"                  // a client was told that it missed events
	Refused        Kind = "refused"              // a client was refused a group that it may have
	Admitted       Kind = "admitted"             // a client was let in that had to be refused
	Unsettled      Kind = "unsettled"            // something did not come to rest in time
	Inconsistent   Kind = "inconsistent outbox"  // the outbox does not agree with the business tables
	Position       Kind = "hole in the position" // the log's positions are not contiguous
)

// Log is the client of a finding about the log itself.
const Log = "(the log)"

// Finding is one disagreement.
type Finding struct {
	Kind     Kind
	Client   string // or [Log]
	Group    string
	EventID  uuid.UUID // zero where it is about no event
	Expected string
	Got      string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: client %s, group %s, event %s: expected %s, got %s", f.Kind, f.Client, f.Group,
		f.EventID, f.Expected, f.Got)
}
