package auth

import (
	"log/slog"
	"slices"
	"time"
)

// Principal is the user of a verified token. It is never changed once made.
type Principal struct {
	Subject     string
	Roles       []string
	Permissions []string
	Expires     time.Time // see the package comment
}

// ID returns the subject.
func (p *Principal) ID() string { return p.Subject }

// ExpiresAt returns the moment from which the principal may do nothing any more.
func (p *Principal) ExpiresAt() time.Time { return p.Expires }

// HasRole reports whether the token names role, in this spelling.
func (p *Principal) HasRole(role string) bool { return slices.Contains(p.Roles, role) }

// HasPermission reports whether the token carries permission, in this spelling.
func (p *Principal) HasPermission(permission string) bool {
	return slices.Contains(p.Permissions, permission)
}

// LogValue keeps the person out of the logs.
func (p *Principal) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("roles", len(p.Roles)),
		slog.Int("permissions", len(p.Permissions)),
		slog.Time("expires", p.Expires),
	)
}
