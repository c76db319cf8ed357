package jobs

// schema holds River's tables, beside Herald's own, and riverJobs is the one that Herald's own statements read and write. Its name stands here and
// nowhere else in Go; in SQL it stands in the functions event_jobs and needed_rows.
const (
	schema    = "herald"
	riverJobs = schema + ".river_job"
)
