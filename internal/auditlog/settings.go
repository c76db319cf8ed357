package auditlog

// Settings is what an operator decides about the audit log.
type Settings struct {
	AuditLog bool `default:"true" env:"HERALD_AUDIT_LOG" help:"Log who connects, joins a group, broadcasts or decides about a dead letter, a line each; refusals are logged anyway (${default})."`
}
