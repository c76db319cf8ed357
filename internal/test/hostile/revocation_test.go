package hostile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A producer cannot revoke access: AccessRevoked is Herald's own.
func TestAProducerRevokesNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	node(t, db, nil)
	_, err := producer(t, db).Exec(t.Context(), `INSERT INTO herald.outbox (event_type, resource_id, payload)
		VALUES ('AccessRevoked', gen_random_uuid(), '{"policy": "MustBeOrderOwner", "userId": "user-1"}')`)
	require.ErrorContains(t, err, "unknown event_type 'AccessRevoked'")
}
