package loglimit_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/loglimit"
)

func logger(to *strings.Builder) *slog.Logger {
	return slog.New(loglimit.New(slog.NewTextHandler(to, nil)))
}

// Of one message there are fifty lines at once and ten a second; another message is not limited by it.
func TestLinesThatSayTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := logger(&out)
		for i := range 1000 {
			log.Warn("a flood", slog.Int("i", i))
		}
		require.Equal(t, 50, strings.Count(out.String(), "a flood"))
		log.With(slog.String("of", "another logger")).Warn("a flood")
		require.Equal(t, 50, strings.Count(out.String(), "a flood"), "a limit is the message's, not the logger's")
		log.Error("a flood")
		log.Warn("news")
		require.Equal(t, 51, strings.Count(out.String(), "a flood"), "the level belongs to it")
		require.Contains(t, out.String(), "news")

		time.Sleep(time.Second)
		out.Reset()
		for i := range 1000 {
			log.Warn("a flood", slog.Int("i", i))
		}
		require.Equal(t, 10, strings.Count(out.String(), "a flood"))
		require.Contains(t, out.String(), "left_out=951")
		require.Equal(t, 1, strings.Count(out.String(), "left_out"))
	})
}

// The audit log has a limit of its own.
func TestTheAuditLogPasses(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := logger(&out).With(slog.String("log", "audit")).WithGroup("g")
	for range 1000 {
		log.Info("connect")
	}
	require.Equal(t, 1000, strings.Count(out.String(), "connect"))
}

type stringer string

func (s stringer) String() string { return string(s) }

type valuer string

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("inner", string(v))) }

func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 40_000)
	for _, attr := range []slog.Attr{
		slog.String("a", long), slog.Any("a", errors.New(long)), slog.Any("a", stringer(long)), slog.Any("a", valuer(long)),
		slog.Group("a", slog.Group("b", slog.String("c", long))),
	} {
		var out strings.Builder
		logger(&out).LogAttrs(t.Context(), slog.LevelInfo, "m", attr)
		require.Less(t, out.Len(), 3000)
		require.Contains(t, out.String(), "bytes more)")
		out.Reset()
		logger(&out).With(attr).Info("m")
		require.Less(t, out.Len(), 3000)
	}
	var out strings.Builder
	logger(&out).Info("m", slog.Int("n", 7), slog.String("s", "short"), slog.Duration("d", time.Second))
	require.Contains(t, out.String(), "n=7 s=short d=1s")
}
