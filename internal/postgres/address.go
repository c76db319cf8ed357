package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Address returns where a connection string leads, host:port/database, for logs and messages: without user, password
// or options. For an unreadable string it says only that it is unreadable.
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

// unreadable replaces pgx's error about a connection string, because that error quotes the string: pgx redacts a
// password in its regular places, and this string is not regular.
func unreadable(dsn string, err error) error {
	reason := "it is neither a URL (postgres://user:password@host:5432/database) nor key=value pairs"
	var parse *pgconn.ParseConfigError
	if inner := errors.Unwrap(err); errors.As(err, &parse) && inner != nil && !sharesText(inner.Error(), dsn) {
		reason = inner.Error()
	}
	return &unreadableError{databaseSetting, reason}
}

// databaseSetting is where a connection string comes from, as far as this package knows.
const databaseSetting = "HERALD_DATABASE_URL"

// unreadableError says that a setting holds no connection string.
type unreadableError struct{ setting, reason string }

func (e *unreadableError) Error() string { return e.setting + " cannot be read: " + e.reason }

// CheckAddress returns what is wrong with the connection string that a setting holds. It asks no server: the
// database may come up later.
func CheckAddress(setting, dsn string) error {
	_, err := (Options{}).withDefaults().config(dsn)
	if unreadable, ok := errors.AsType[*unreadableError](err); ok {
		return &unreadableError{setting, unreadable.reason}
	}
	return err
}

// checkHosts refuses names that no host can have. pgx would look for them until its time-out.
func checkHosts(config *pgconn.Config) error {
	hosts := []string{config.Host}
	for _, fallback := range config.Fallbacks {
		hosts = append(hosts, fallback.Host)
	}
	for _, host := range hosts {
		if !strings.HasPrefix(host, "/") && !strings.HasPrefix(host, "@") && !isHost(host) {
			return &unreadableError{
				databaseSetting,
				fmt.Sprintf("%q is neither a host's name nor an IP address nor the directory of a socket", host),
			}
		}
	}
	return nil
}

// isHost reports whether text can be an IP address or a host's name: labels of letters, digits, hyphens and, as some
// networks have them, underscores. A text that ends in a number is an address or nothing (192.168.1, 256.1.1.1).
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	const longestName, longestLabel = 253, 63
	name := strings.TrimSuffix(text, ".")
	labels := strings.Split(name, ".")
	for _, label := range labels {
		odd := func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}
		if label == "" || len(label) > longestLabel || strings.ContainsFunc(label, odd) {
			return false
		}
	}
	return len(name) <= longestName && strings.Trim(labels[len(labels)-1], "0123456789") != ""
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
