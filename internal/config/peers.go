package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
)

// Peers is how nodes of the same database speak with each other.
type Peers struct {
	NodeURL      string `name:"node-url" env:"HERALD_NODE_URL" placeholder:"URL" help:"Where other nodes reach this one, such as https://herald-1.internal:5006. Defaults to the address by which this machine reaches the database, and the port of HERALD_NODE_LISTEN or else HERALD_LISTEN; with a database on this machine to 127.0.0.1, which is right only if all nodes run on it."`
	NodeListen   string `env:"HERALD_NODE_LISTEN" placeholder:"ADDR" help:"Address for the requests of other nodes alone, with TLS if a certificate is there. Defaults to the main one, where they have a path of their own."`
	NodePlain    bool   `env:"HERALD_NODE_PLAIN" help:"Speak plain HTTP on HERALD_NODE_LISTEN although the main address speaks TLS: users' tokens travel there in clear, so it is for a private network."`
	NodeCertFile string `env:"HERALD_NODE_CERT_FILE" placeholder:"FILE" help:"Certificate chain (PEM) of HERALD_NODE_LISTEN. Defaults to HERALD_TLS_CERT_FILE."`
	NodeKeyFile  string `env:"HERALD_NODE_KEY_FILE" placeholder:"FILE" help:"Private key of that certificate (PEM). Defaults to HERALD_TLS_KEY_FILE."`
	NodeCAFile   string `name:"node-ca-file" env:"HERALD_NODE_CA_FILE" placeholder:"FILE" help:"Authorities (PEM) that certificates of other nodes must be signed by. Defaults to the system's."`
}

// checkPeers says what is wrong.
func (p Peers) checkPeers() error {
	var errs []error
	if p.NodeURL != "" {
		if err := checkNodeURL(p.NodeURL); err != nil {
			errs = append(errs, err)
		}
	}
	if p.NodeListen != "" {
		if _, _, err := net.SplitHostPort(p.NodeListen); err != nil {
			errs = append(errs, fmt.Errorf("HERALD_NODE_LISTEN: %q is not an address such as 10.0.0.5:5007", p.NodeListen))
		}
	}
	if (p.NodeCertFile == "") != (p.NodeKeyFile == "") {
		errs = append(errs, errors.New("HERALD_NODE_CERT_FILE and HERALD_NODE_KEY_FILE go together: set both or neither"))
	}
	if p.NodeListen == "" && (p.NodePlain || p.NodeCertFile != "") {
		errs = append(errs, errors.New("HERALD_NODE_PLAIN, HERALD_NODE_CERT_FILE and HERALD_NODE_KEY_FILE are for HERALD_NODE_LISTEN, which is not set"))
	}
	if p.NodePlain && p.NodeCertFile != "" {
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

// NodeSecure says whether other nodes come by TLS: to the main address, or to the one for them.
func (s Server) NodeSecure() bool {
	if s.NodeListen == "" {
		return s.TLSCertFile != ""
	}
	return s.NodeCertFile != "" || s.TLSCertFile != "" && !s.NodePlain
}
