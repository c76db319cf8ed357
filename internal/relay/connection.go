package relay

import "github.com/jackc/pgx/v5"

// Configure names a relay's session. Each transaction sets everything else that it needs.
func Configure(cfg *pgx.ConnConfig) { cfg.RuntimeParams["application_name"] = "herald relay" }
