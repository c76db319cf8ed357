package postgres

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Address returns where a connection string leads, host:port/database, for logs and messages: without user, password or options.
// Of an unreadable string it says no more than that.
func Address(dsn string) string {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return "an unreadable address"
	}
	return address(config)
}

func address(config *pgconn.Config) string {
	host := config.Host
	if strings.HasPrefix(host, "/") { // the directory of a Unix socket
		host += ":" + strconv.Itoa(int(config.Port))
	} else {
		host = net.JoinHostPort(host, strconv.Itoa(int(config.Port)))
	}
	return host + "/" + config.Database
}

// unreadable replaces pgx's error about a connection string, which quotes the string: its redaction knows the regular places of a
// password, and this string is not regular.
func unreadable(dsn string, err error) error {
	reason := "it is neither a URL (postgres://user:password@host:5432/database) nor key=value pairs"
	var parse *pgconn.ParseConfigError
	if inner := errors.Unwrap(err); errors.As(err, &parse) && inner != nil && !sharesText(inner.Error(), dsn) {
		reason = inner.Error()
	}
	return errors.New("HERALD_DATABASE_URL cannot be read: " + reason)
}

// sharesText reports whether message quotes a part of dsn that may be a secret.
func sharesText(message, dsn string) bool {
	for _, word := range strings.FieldsFunc(dsn, func(r rune) bool { return strings.ContainsRune(" =:/@?&'\"", r) }) {
		if len(word) > 2 && strings.Contains(message, word) {
			return true
		}
	}
	return false
}
