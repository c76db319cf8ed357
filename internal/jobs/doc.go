// Package jobs is River's part: everything that is a job rather than a place in the line.
//
//	sweep              every second: the relay's own drain, so that events flow even where notifications do not
//	deliver_scheduled  an event whose deliver_after has come takes its place in the log
//	retry_event        an event that could not be turned into messages is tried again, with River's backoff, and at last
//	                   becomes a dead letter
//	partitions         every hour: the days ahead have their partitions
//	retention          every hour: what is older than the retention is dropped
//	statistics         every HERALD_STATS_INTERVAL: an AnalyticsUpdate where the platform's statistics have changed
//	housekeeping       every minute: nodes that are gone, statistics that newer ones replaced, what is old of the broadcast
//	                   journal
//	audit              every ten seconds: outbox, log and journals agree, as far as they are new
//
// Producers never insert a job; the relay does, in its own transaction ([SetAside]), and a worker completes its job in the
// transaction of the job's effect, so an event is in the log, still a job, or a dead letter: one of them, never two and never none.
//
// # Punctual without a leader
//
// Periodic jobs and the promotion of scheduled ones are the work of River's leader, one of the nodes. Where that one crashes, its lease
// of 15 seconds has to end before another, which looks every 5 to 6 seconds, takes over: nobody does that work for up to 21 seconds. An
// event with a time must not wait for that, so every node looks once a second for the events' jobs that are due, and for those that
// a dead node was at work on. A job that is scheduled is made ready 5 seconds before its event's time, and snoozes the rest,
// which River fetches by the clock, twice a second. The rest can wait: the sweep, which stands behind relays that look by
// themselves, partitions, which are made days ahead, and housekeeping.
//
// Many events may be due at the same moment. Whoever delivers one takes up to a hundred others along, whose jobs nobody has begun: the relay's
// lock is taken once for all of them. Where one of them fails, each is delivered by itself.
//
// [Jobs.Start] asks the database a few things, fails where they fail, and may be called again: a node waits for its database there, too.
//
// Nothing here listens: River polls, so that it works behind a pooler.
package jobs
