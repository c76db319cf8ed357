package acceptance_test

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	codeBlock = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	call      = regexp.MustCompile(`^(\w+)\(([^)]*)\)$`)
	parameter = regexp.MustCompile(`(\w+)(?::\s*\w+)?`)

	listened  = regexp.MustCompile(`\.(?:on|invoke)\(["'](\w+)["']`)
	lifecycle = regexp.MustCompile(`\.(onreconnect\w+)\(`)
	shown     = regexp.MustCompile(`(?m)^\s*//(.*)$`) // a payload in a comment
	shownName = regexp.MustCompile(`(\w+):`)
	member    = regexp.MustCompile(`"(\w+)":\s*(?:"([^"]*)")?`)
	request   = regexp.MustCompile(`(?m)^((?:GET|POST|PUT|DELETE) \S+)$`)
	example   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT|^[0-9a-f]{8}-|^\.\.\.$|^$`) // a time, an id, nothing
)

// terms returns the names in a document: all text set as code, the methods and events of its programs, the requests,
// the members of its objects, and the texts of its answers.
func terms(document string) []string {
	found := map[string]bool{}
	for _, m := range codeBlock.FindAllStringSubmatchIndex(document, -1) {
		language, block := document[m[2]:m[3]], document[m[4]:m[5]]
		for _, m := range request.FindAllStringSubmatch(block, -1) {
			found[strings.ReplaceAll(m[1], "http://localhost:5006", "")] = true
		}
		if language == "javascript" {
			for _, m := range append(listened.FindAllStringSubmatch(block, -1), lifecycle.FindAllStringSubmatch(block, -1)...) {
				found[m[1]] = true
			}
			for _, m := range shown.FindAllStringSubmatch(block, -1) {
				for _, m := range shownName.FindAllStringSubmatch(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(m[1], ""), -1) {
					found[m[1]] = true
				}
			}
			continue
		}
		answer := strings.HasSuffix(document[:m[0]], "**Response**:\n")
		for _, m := range member.FindAllStringSubmatch(block, -1) {
			found[m[1]] = true
			if answer && !example.MatchString(m[2]) {
				found[m[2]] = true
			}
		}
	}
	for _, m := range codeSpan.FindAllStringSubmatch(codeBlock.ReplaceAllString(document, ""), -1) {
		text := strings.Trim(m[1], `"`)
		if c := call.FindStringSubmatch(text); c != nil {
			found[c[1]] = true
			for _, p := range parameter.FindAllStringSubmatch(c[2], -1) {
				found[p[1]] = true
			}
			continue
		}
		found[strings.TrimPrefix(text, "ws://localhost:5006")] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// unnamed returns the terms that no row of the table has.
func unnamed(rows []row, terms []string) (missing []string) {
	var all strings.Builder
	for _, r := range rows {
		all.WriteString(r.text + "\n")
	}
	for _, term := range terms {
		if !regexp.MustCompile(`(^|[^\w-])` + regexp.QuoteMeta(term) + `($|[^\w/-])`).MatchString(all.String()) {
			missing = append(missing, term)
		}
	}
	return missing
}

func TestEveryTermOfTheDocumentsIsInARow(t *testing.T) {
	t.Parallel()
	table, err := fs.ReadFile(repository(), tableFile)
	require.NoError(t, err)
	rows, _ := readTable(string(table))
	for name, some := range map[string][]string{
		"realtime-events-api.md": {
			"/hubs/customer-orders", "SubscribeToOrder", "UnsubscribeFromCart", "ReceivePaymentEvent", "ReceiveOrderPlaced", "OrderStatusBroadcastDto",
			"actualDeliveryTime", "order:{orderId}", "MustBeTeamCartMember", "Forbidden", "Unauthorized", "userId", "payload",
		},
		"admin-realtime-api.md": {
			"GET /api/admin/realtime/health", "POST /api/admin/realtime/alert", "POST /api/admin/realtime/broadcast/revenue", "user-activity",
			"UserCountUpdate", "newUsersToday", "totalRevenue30d", "Platform update broadcasted", "Real-time service is operational", "healthy",
			"ErrorOccurred", "ReceiveMessage", "SendTestMessage", "onreconnected", "AdminService.http", "severity", "affectedUsers",
		},
	} {
		document, err := fs.ReadFile(repository(), "testdata/seeds/"+name)
		require.NoError(t, err)
		found := terms(string(document))
		require.Subset(t, found, some, "what the test finds in "+name)
		require.Empty(t, unnamed(rows, found), "named in %s and in no row", name)
	}
}

func TestATermThatLosesItsRowIsMissed(t *testing.T) {
	t.Parallel()
	rows := []row{{text: "`POST /a/alert/warning` sends `SystemAlert`; `user-activity-log`"}}
	require.Equal(t, []string{"POST /a/alert", "user-activity", "Alert"},
		unnamed(rows, []string{"POST /a/alert/warning", "POST /a/alert", "SystemAlert", "user-activity", "Alert"}))
}
