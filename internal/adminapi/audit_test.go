package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// TestTheAuditLogTellsWhoDidWhat: it tells who published, who decided about a dead letter and who was refused,
// without contents.
func TestTheAuditLogTellsWhoDidWhat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.dead.letters = dead(2)
	first, second := b.dead.letters[0].EventID.String(), b.dead.letters[1].EventID.String()
	by := func(subject, method, path, body string, roles ...string) int {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token(t, auth.Grant{Subject: subject, Roles: roles}))
		r.Header.Set("Content-Type", "application/json")
		return b.serve(t, r).Code
	}
	const body = `{"eventType":"maintenance","description":"confidential"}`
	require.Equal(t, http.StatusOK, by("boss", http.MethodPost, prefix+"notify/system-event", body, "Admin"))
	require.Equal(
		t, http.StatusBadRequest,
		by("boss", http.MethodPost, prefix+"notify/system-event", `{"eventType":"confidential"}`, "Admin"),
	)
	require.Equal(t, http.StatusOK, by("boss", http.MethodGet, prefix+"status", "", "Admin"))
	require.Equal(t, http.StatusForbidden, by("mallory", http.MethodPost, prefix+"notify/system-event", body))
	require.Equal(
		t, http.StatusForbidden,
		by("mallory", http.MethodGet, "/api/realtime/events?hub=customer-orders&resource="+uuid.NewString(), ""),
	)
	require.Equal(t, http.StatusOK, by("boss", http.MethodPost, deadPath+"/"+first+"/retry", "", "Admin"))
	require.Equal(t, http.StatusOK, by("boss", http.MethodDelete, deadPath+"/"+second, "", "Admin"))

	require.NotContains(t, b.log.String(), "confidential")
	require.NotContains(t, b.log.String(), "eyJ")
	var lines []string
	for line := range strings.Lines(b.log.String()) {
		_, rest, ok := strings.Cut(line, "log=audit ")
		require.True(t, ok, line)
		lines = append(lines, regexp.MustCompile(`error=.*`).ReplaceAllString(strings.TrimSpace(rest), "error=…"))
	}
	published := b.outbox.all()[0].ID.String()
	require.Equal(t, []string{
		"action=broadcast path=" + prefix + "notify/system-event subject=boss event_id=" + published + " outcome=ok",
		"action=broadcast path=" + prefix + "notify/system-event subject=mallory outcome=refused reason=not_permitted error=…",
		"action=request path=/api/realtime/events subject=mallory outcome=refused reason=not_permitted error=…",
		"action=retry_dead_letter path=/api/admin/outbox/dead/{eventId}/retry subject=boss event_id=" + first + " outcome=ok",
		"action=drop_dead_letter path=/api/admin/outbox/dead/{eventId} subject=boss event_id=" + second + " outcome=ok",
	}, lines)
}
