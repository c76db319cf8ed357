package peers

import (
	"errors"
	"fmt"
	"net"
	"net/url"
)

// Settings is what an operator decides about the communication between nodes of the same database.
type Settings struct {
	// MaxForwarded is how many requests may be under way to other nodes, event streams and waiting polls included.
	MaxForwarded int `default:"5000" env:"HERALD_MAX_FORWARDED" zero:"unlimited" placeholder:"N" help:"Requests that may be under way from this node to others, for connections that those hold; event streams, polls and WebSockets count for as long as they last, with 60 KiB each at most; 0: no limit (${default})."`

	NodeURL      string `name:"node-url" env:"HERALD_NODE_URL" placeholder:"URL" help:"Where other nodes reach this one, such as https://herald-1.internal:5006. Defaults to the address by which this machine reaches the database, and the port of HERALD_NODE_LISTEN or else HERALD_LISTEN; with a database on this machine to 127.0.0.1, which is right only if all nodes run on it."`
	NodeListen   string `env:"HERALD_NODE_LISTEN" placeholder:"ADDR" help:"Address for the requests of other nodes alone, with TLS if a certificate is there. Defaults to the main one, where they have a path of their own."`
	NodePlain    bool   `env:"HERALD_NODE_PLAIN" help:"Speak plain HTTP on HERALD_NODE_LISTEN although the main address speaks TLS: users' tokens travel there in clear, so it is for a private network."`
	NodeCertFile string `env:"HERALD_NODE_CERT_FILE" placeholder:"FILE" help:"Certificate chain (PEM) of HERALD_NODE_LISTEN. Defaults to HERALD_TLS_CERT_FILE."`
	NodeKeyFile  string `env:"HERALD_NODE_KEY_FILE" placeholder:"FILE" help:"Private key of that certificate (PEM). Defaults to HERALD_TLS_KEY_FILE."`
	NodeCAFile   string `name:"node-ca-file" env:"HERALD_NODE_CA_FILE" placeholder:"FILE" help:"Authorities (PEM) that certificates of other nodes must be signed by. Defaults to the system's."`
}

// Check says what is wrong, beyond what package settings checks.
func (s Settings) Check() error {
	var errs []error
	if s.NodeURL != "" {
		if err := checkNodeURL(s.NodeURL); err != nil {
			errs = append(errs, err)
		}
	}
	if s.NodeListen != "" {
		if _, _, err := net.SplitHostPort(s.NodeListen); err != nil {
			errs = append(errs, fmt.Errorf("HERALD_NODE_LISTEN: %q is not an address such as 10.0.0.5:5007", s.NodeListen))
		}
	}
	if (s.NodeCertFile == "") != (s.NodeKeyFile == "") {
		errs = append(errs, errors.New("HERALD_NODE_CERT_FILE and HERALD_NODE_KEY_FILE go together: set both or neither"))
	}
	if s.NodeListen == "" && (s.NodePlain || s.NodeCertFile != "") {
		errs = append(errs,
			errors.New(
				"HERALD_NODE_PLAIN, HERALD_NODE_CERT_FILE and HERALD_NODE_KEY_FILE are for HERALD_NODE_LISTEN, which is not set"))
	}
	if s.NodePlain && s.NodeCertFile != "" {
		errs = append(errs, errors.New("HERALD_NODE_PLAIN and HERALD_NODE_CERT_FILE contradict each other: set one"))
	}
	return errors.Join(errs...)
}

func checkNodeURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("HERALD_NODE_URL: %q is not a URL such as https://herald-1.internal:5006", text)
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("HERALD_NODE_URL: %q has more than a scheme, a host and a port", text)
	}
	return nil
}
