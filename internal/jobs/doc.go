// Package jobs is River's part of Herald: everything that is a job rather than a place in the line.
//
//	sweep              every second: the relay's own pass, so that events flow even where notifications do not
//	deliver_scheduled  an event whose deliver_after has come takes its place in the log
//	retry_event        an event of a type that this release does not know is tried again, with River's backoff, and at
//	                   last becomes a dead letter; in a queue of its own, so that events with a time do not wait for
//	                   retries, however many there are
//	partitions         every hour: the days ahead have their partitions
//	retention          every hour: what is older than the retention is dropped
//	statistics         every HERALD_STATS_INTERVAL: an AnalyticsUpdate where the platform's statistics have changed
//	housekeeping       every minute: removes nodes that are gone, their jobs and jobs that are done,
//	                   statistics that newer ones replaced, what is old of the broadcast journal
//	audit              every ten seconds: outbox, log and journals agree, as far as they are new
//	reindex            every day: the indexes of jobs that only grow
//
// Producers never insert a job. The relay does, in its own transaction ([SetAside]), and a worker completes its job
// in the transaction of the job's effect. So an event is in the log, still a job, or a dead letter: one of them,
// never two and never none.
//
// [DeadLetters] takes the decisions about events that could not be delivered. Mending an event takes its job away,
// however far an attempt at it has come. An attempt whose job is gone has no effect, because it completes the job
// before it does anything else.
//
// # The database's clock decides
//
// There are many nodes, each with a clock that may be wrong, and one database. The database's clock decides when an
// event is due, which job is next, which nodes are alive and what is old, in the statement that acts on it. A node
// whose clock is an hour ahead delivers nothing early, a node whose clock is behind delivers nothing late, and
// setting a clock while the node runs changes nothing.
//
// River compares a job's time with the database's clock, but writes times by the process's clock: when a job that
// failed or snoozes is tried again, from when on a job that is inserted without a time is due, and all that its
// leader does. So River is given a clock that follows the database's ([dbclock.Clock], by the machine's monotonic
// clock between two readings), through the one public field there is for one. And it is given no leader
// (LeaderElectionDisabled), because the leader's services read the wall clock themselves. Any node does here, in
// SQL, what they do:
//
//	periodic jobs      each has a row that says when it was enqueued last; the node that first sees that it is due again
//	                   enqueues it (enqueue)
//	promotion, rescue  jobs whose time has come, and those whose attempt was lost (promote, recoverAbandoned)
//	cleaning           jobs that have been done (forgetDone), indexes that have grown (reindex)
//
// A wrapper around River's driver that replaces times in its statements would do as well, but would have to follow
// some sixty methods that are not meant for outside use. Taking scheduling out of River altogether would leave
// little of it.
//
// The database's own clock may be set, too. A time that lies in the future, because it was written before that clock
// was set back, delays nothing: a periodic job counts as due, an attempt as lost, and a job is brought back whose
// time neither its event nor the wait between two attempts explains (bringBack).
//
// # Punctual when nodes die
//
// Every node looks twice a second, so no job waits for a lease to end when a node dies. A scheduled job is made
// ready 5 seconds before its event's time, and snoozes the rest; River fetches it by the clock, twice a second. A
// job that was fetched by a node that then died or froze goes to another node when the attempt is a second old and
// the node has been silent for as long: one to two and a half seconds after it was fetched. The first node may still
// work on it, or go on later. That does no harm: the job is completed in the transaction of its effect, and an event
// whose id is in the log gets no second place there.
//
// Many events may be due at the same moment. A worker that delivers one takes up to a hundred others along whose
// jobs have not been begun: the relay's lock is taken once for all of them. Where one of them fails, each is
// delivered by itself.
//
// [Jobs.Start] asks the database a few things, fails where they fail, and may be called again: a node waits for its
// database there, too.
//
// Nothing here listens: River polls, so that it works behind a pooler.
package jobs
