package cli

import (
	"log/slog"
	"os"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/postgres"
)

// The settings of the packages, under names that can stand beside each other in a command.
type (
	// Database says where the data is.
	Database = postgres.Settings
	// Wait is how long a command waits for its database.
	Wait = postgres.WaitSettings
	// Listen is the connection for notifications.
	Listen = postgres.ListenSettings
	// Auth says which tokens are accepted.
	Auth = auth.Settings
	// Server says how a node serves.
	Server = app.Settings
)

// Log says how the process logs.
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
