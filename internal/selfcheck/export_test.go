package selfcheck

import "time"

// InSteps makes the auditor take a few rows at a time, and nodes that are behind no time to catch up.
func (a *Checker) InSteps(chunk int, patience time.Duration) *Checker {
	a.chunk, a.patience = chunk, patience
	return a
}

// Within bounds what one run takes, beside a relay that works off a backlog and behind it.
func (a *Checker) Within(beside, behind time.Duration) *Checker {
	a.beside, a.behind = beside, behind
	return a
}
