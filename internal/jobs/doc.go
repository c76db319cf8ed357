// Package jobs is River's part: everything that is a job rather than a place in the line.
//
//	sweep              every second: the relay's own drain, so that events flow even where notifications do not
//	deliver_scheduled  an event whose deliver_after has come takes its place in the log
//	retry_event        an event that could not be turned into messages is tried again, with River's backoff, and at last
//	                   becomes a dead letter
//	partitions         every hour: the days ahead have their partitions
//	housekeeping       every minute: nodes that are gone, statistics that newer ones replaced, what is old of the broadcast
//	                   journal
//	audit              every ten seconds: outbox, log and journals agree, as far as they are new
//
// Producers never insert a job; the relay does, in its own transaction ([SetAside]), and a worker completes its job in the
// transaction of the job's effect, so an event is in the log, still a job, or a dead letter: one of them, never two and never none.
//
// River promotes scheduled jobs every five seconds. An event that is due sooner than that would be late, so its job is made ready
// that much before its time and snoozes the rest, which River fetches by the clock.
package jobs
