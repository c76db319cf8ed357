package adminapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// If a field is missing because its name is in another case, as .NET writes names by default, the error says so.
//
// Acceptance: A-508.
func TestAFieldInAnotherCaseIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for endpoint, test := range map[string]struct {
		body   string
		errors map[string][]string
	}{
		"alert": {
			`{"Type":"info","MESSAGE":"m"}`,
			map[string][]string{
				"type":    {`The field is required. The body has "Type": names are camelCase and matched exactly.`},
				"message": {`The field is required. The body has "MESSAGE": names are camelCase and matched exactly.`},
			},
		},
		"broadcast/revenue": {
			`{"DailyRevenue":1,"totalRevenue30d":null}`,
			map[string][]string{
				"dailyRevenue": {
					`The field is required. The body has "DailyRevenue": names are camelCase and matched exactly.`,
				},
				"totalRevenue30d": {"The field is required."},
			},
		},
		"alert/performance": {
			`{"Metric":"cpu","Value":1,"Threshold":"2"}`,
			map[string][]string{
				"metric":    {`The field is required. The body has "Metric": names are camelCase and matched exactly.`},
				"value":     {`The field is required. The body has "Value": names are camelCase and matched exactly.`},
				"threshold": {`The field is required. The body has "Threshold": names are camelCase and matched exactly.`},
			},
		},
		"notify/role-assignment": {
			`{"UserId":"u","roleName":"r","Action":"assigned"}`,
			map[string][]string{
				"userId": {`The field is required. The body has "UserId": names are camelCase and matched exactly.`},
				"action": {`The field is required. The body has "Action": names are camelCase and matched exactly.`},
			},
		},
	} {
		require.Equal(
			t, test.errors,
			map[string][]string(requireProblem(t, b.post(t, endpoint, test.body), http.StatusBadRequest).Errors), endpoint,
		)
	}
}
