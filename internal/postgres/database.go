package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Beginner opens transactions; a pool does.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// TxBeginner opens transactions with options; a pool does.
type TxBeginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Batcher sends many statements in one round trip, or in one transaction: a pool, a connection or a transaction.
type Batcher interface {
	dbsqlc.DBTX
	Begin(ctx context.Context) (pgx.Tx, error)
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// Database runs statements and opens transactions; a pool does.
type Database interface {
	Beginner
	dbsqlc.DBTX
}

// Unreadable reports whether err is about the value that was to be read, and not about the database or the
// connection.
func Unreadable(err error) bool {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		const outOfMemory = "53200"
		class := refused.Code[:min(2, len(refused.Code))] // of data, limits of the program, and damaged values
		return class == "22" || class == "54" || class == "XX" || refused.Code == outOfMemory
	}
	_, ok := errors.AsType[pgx.ScanArgError](err)
	return ok
}

// OrZero is a column's value, or the zero value where it is NULL.
func OrZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
