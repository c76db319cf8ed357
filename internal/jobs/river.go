package jobs

// Table is River's table of jobs. Its name stands here and nowhere else in Go; in SQL it stands in the functions event_jobs
// and needed_rows.
const Table = schema + ".river_job"

// schema holds River's tables, beside Herald's own. riverJobs is the one that Herald's own statements read and write.
const (
	schema    = "herald"
	riverJobs = Table
)
