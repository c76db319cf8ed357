package cli

import (
	"log/slog"
	"os"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/postgres"
)

// Database and the others are the settings of the packages, as commands embed them.
type (
	Database = postgres.Settings
	Wait     = postgres.WaitSettings
	Listen   = postgres.ListenSettings
	Auth     = auth.Settings
	Server   = app.Settings
)

// Log is what the process says of itself.
type Log struct {
	LogLevel  string `enum:"debug,info,warn,error" default:"info" env:"HERALD_LOG_LEVEL" help:"Least severe level that is logged: ${enum}."`
	LogFormat string `enum:"text,json" default:"text" env:"HERALD_LOG_FORMAT" help:"Form of log lines: ${enum}."`
}

// Logger returns the logger that the settings describe, writing to standard error.
func (l Log) Logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.LogLevel)); err != nil {
		level = slog.LevelInfo // kong has checked it
	}
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}
