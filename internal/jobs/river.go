package jobs

// Table is River's table of jobs. This is the only place in Go that has its name; in SQL the functions event_jobs
// and needed_rows have it.
const Table = schema + ".river_job"

// schema holds River's tables, beside Herald's own. riverJobs is the table that Herald's own statements read and
// write.
const (
	schema    = "herald"
	riverJobs = Table
)
