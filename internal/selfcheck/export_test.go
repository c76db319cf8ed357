package selfcheck

import "time"

// InSteps makes the checker take a few rows at a time, and bounds the time that nodes have to catch up.
func (c *Checker) InSteps(chunk int, patience time.Duration) *Checker {
	c.chunk, c.patience = chunk, patience
	return c
}

// Within bounds what one run takes, beside a relay that works off a backlog and behind it.
func (c *Checker) Within(beside, behind time.Duration) *Checker {
	c.beside, c.behind = beside, behind
	return c
}
