package outbox

import (
	"maps"

	"github.com/jackc/pgx/v5"
)

// ConfigureRelay sets what a relay's session needs. Its statements have one good plan each, by index and in order, and keep it
// whatever the statistics say of tables that have just grown or have just been created; compiling them costs more than running
// them. A node that is frozen in the middle of a transaction must not keep the others from relaying.
func ConfigureRelay(cfg *pgx.ConnConfig) {
	maps.Copy(cfg.RuntimeParams, map[string]string{
		"application_name":                    "herald relay",
		"jit":                                 "off",
		"plan_cache_mode":                     "force_generic_plan",
		"enable_seqscan":                      "off",
		"enable_bitmapscan":                   "off",
		"idle_in_transaction_session_timeout": "1s",
		"statement_timeout":                   "30s",
	})
}
