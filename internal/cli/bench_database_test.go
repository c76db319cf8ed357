package cli

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestAnotherDatabaseOfTheSameServer(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://user:p%40ss@db.example:5433/orders?sslmode=disable",
		"postgresql://user:p%40ss@db.example:5433/?sslmode=disable&dbname=orders",
		"host=db.example port=5433 user=user password=p@ss dbname=orders sslmode=disable",
		"host=db.example port=5433 user=user password=p@ss sslmode=disable",
	} {
		config, err := pgx.ParseConfig(otherDatabase(dsn, "other"))
		require.NoError(t, err, dsn)
		require.Equal(t, "other", config.Database, dsn)
		require.Equal(t, []any{"db.example", uint16(5433), "user", "p@ss"},
			[]any{config.Host, config.Port, config.User, config.Password}, dsn)
		require.Nil(t, config.TLSConfig, dsn)
	}
}
