package relay

import "github.com/jackc/pgx/v5"

// Configure names a relay's session. All else that it needs, each of its transactions brings along.
func Configure(cfg *pgx.ConnConfig) { cfg.RuntimeParams["application_name"] = "herald relay" }
