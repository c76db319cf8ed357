package postgres

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestFinal(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&pgconn.PgError{Code: "28000"}, &pgconn.PgError{Code: "28P01"}, &pgconn.PgError{Code: "3D000"},
		&pgconn.PgError{Code: "42501"},
		&tls.CertificateVerificationError{},
		x509.UnknownAuthorityError{},
		x509.HostnameError{},
		x509.CertificateInvalidError{},
		ErrUnsupported, ErrNotMigrated, ErrThroughPooler, unreadable("nowhere", errors.New("none")),
		&brokenMigrationError{errors.New("no such table")},
		errors.Join(&pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "28P01"}), // two hosts
	} {
		require.True(t, Final(fmt.Errorf("wrapped: %w", err)), "%#v", err)
	}
	for _, err := range []error{
		&pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "53300"},
		&pgconn.PgError{Code: "25006"},
		&pgconn.PgError{Code: "08006"}, &pgconn.PgError{Code: "XX000"}, &pgconn.PgError{Code: "42P01"}, ErrReadOnly,
		&net.DNSError{Name: "db", IsNotFound: true}, &net.OpError{Err: io.ErrUnexpectedEOF}, io.EOF,
		context.DeadlineExceeded,
	} {
		require.False(t, Final(fmt.Errorf("wrapped: %w", err)), "%#v", err)
	}
}

// A wait is logged when it begins, and once a minute, however many attempts and steps it takes.
func TestAWaitIsToldOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var last error
		w := Waiter{
			Address: "db:5432/d", Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Failed: func(err error) { last = err },
		}
		const minutes = 10
		attempts, begun := 0, time.Now()
		for range 2 { // steps
			require.NoError(t, w.Do(t.Context(), func(context.Context) error {
				attempts++
				if time.Since(begun) < minutes*time.Minute {
					return fmt.Errorf("attempt %d: %w", attempts, io.EOF)
				}
				return nil
			}))
		}
		require.Greater(t, attempts, 100)
		require.InDelta(t, minutes, strings.Count(log.String(), "waiting for the database"), 1)
		require.Contains(t, log.String(), "attempt 1: EOF")
		require.ErrorContains(t, last, fmt.Sprintf("attempt %d", attempts-2), "the last failed attempt")

		again := func() {
			failed := false
			require.NoError(t, w.Do(t.Context(), func(context.Context) error {
				if !failed {
					failed = true
					return io.EOF
				}
				return nil
			}))
		}
		again()
		log.Reset() // another wait within the minute is the same one
		again()
		require.Empty(t, log.String())
	})
}

// A limited wait ends at its limit with the last attempt's error, which no log line has had before.
func TestAWaitHasItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := Waiter{Address: "db:5432/d", Limit: 10 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		begun := time.Now()
		err := w.Do(t.Context(), func(context.Context) error { return io.ErrUnexpectedEOF })
		require.EqualError(t, err, "the database at db:5432/d could not be used within 10s: unexpected EOF")
		require.Equal(t, 10*time.Second, time.Since(begun))
		require.Equal(t, 1, strings.Count(log.String(), "\n"))
		require.NotContains(t, log.String(), "EOF")

		// An attempt that does not answer is cut off, and the error is that of the attempt before.
		w, begun = Waiter{Address: "db:5432/d", Limit: 10 * time.Second, Logger: discard()}, time.Now()
		answers := []error{io.EOF}
		err = w.Do(t.Context(), func(ctx context.Context) error {
			if len(answers) > 0 {
				defer func() { answers = nil }()
				return answers[0]
			}
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, 10*time.Second, time.Since(begun))

		attempts := 0
		w = Waiter{Address: "db:5432/d", Limit: -1, Logger: discard()}
		require.ErrorIs(t, w.Do(t.Context(), func(context.Context) error { attempts++; return io.EOF }), io.EOF)
		require.Equal(t, 1, attempts)
	})
}

// A wait ends with its context.
func TestAWaitCanBeGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		w := Waiter{Address: "db:5432/d", Logger: discard()}
		require.ErrorIs(t, w.Do(ctx, func(context.Context) error { return io.EOF }), context.DeadlineExceeded)
	})
}

func TestHostsThatCanBeNone(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"db": true, "db.example.": true, "db_1.shop-eu.internal": true, "127.0.0.1": true, "::1": true, "fe80::1%eth0": true,
		"1and1.example": true,
		"":              false, ".": false, "db..example": false, "256.1.1.1": false, "192.168.1": false,
		"db example":            false,
		"db:5432":               false,
		strings.Repeat("a", 64): false, strings.Repeat("a.", 130) + "a": false,
	} {
		require.Equal(t, want, isHost(host), host)
	}
}
