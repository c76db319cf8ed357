package outbox

import "time"

// InSteps makes the auditor take a few rows at a time, and nodes that are behind no time to catch up.
func (a *Auditor) InSteps(chunk int, patience time.Duration) *Auditor {
	a.chunk, a.patience = chunk, patience
	return a
}
