// Package checker says whether what clients received is what was committed: every event to every client entitled to
// it, once, in the group's order, and nothing else to any client. It uses neither a database nor a client: it
// compares three lists of a [Group], one group at a time, so that its memory is that of the largest group.
//
//	rows     what producers committed for the group: the truth
//	log      the order that Herald gave it: it has to agree with the rows
//	records  what each client processed, over all its connections: each has to agree with the log
//
// Each disagreement is a [Finding]. A fault is reported once, where it first shows: an event that the log lacks is
// a finding about the log, and not about each client that lacks it too.
package checker
