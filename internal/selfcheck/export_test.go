package selfcheck

import "time"

// InSteps makes the auditor take a few rows at a time, and nodes that are behind no time to catch up.
func (a *Auditor) InSteps(chunk int, patience time.Duration) *Auditor {
	a.chunk, a.patience = chunk, patience
	return a
}

// Within bounds what one run takes, beside a relay that works off a backlog and behind it.
func (a *Auditor) Within(beside, behind time.Duration) *Auditor {
	a.beside, a.behind = beside, behind
	return a
}
