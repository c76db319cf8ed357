package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// connectionsPage is how many connections one request asks for.
const connectionsPage = 1000

type connectionsCmd struct {
	restAPI

	User  string `help:"Those of this user. Defaults to any."`
	Group string `help:"Those that follow ${groups}. Defaults to any."`
	Node  string `help:"Those of the node with this id, or of this host. Defaults to any."`
	Limit int    `default:"1000" help:"How many at most (${default})."`
	JSON  bool   `name:"json" help:"Print one JSON object a line and connection."`
}

// connection is a connection as the API reports it.
type connection struct {
	ConnectionID string    `json:"connectionId"`
	Hub          string    `json:"hub"`
	User         string    `json:"user"`
	Node         string    `json:"node"`
	Host         string    `json:"host"`
	Address      string    `json:"address"`
	Transport    string    `json:"transport,omitempty"`
	ConnectedAt  time.Time `json:"connectedAt"`
	Groups       []string  `json:"groups"`
	MoreGroups   int       `json:"moreGroups,omitempty"`
}

// missing are nodes that did not answer, and why.
type missing []struct{ Node, Host, Error string }

func (c *connectionsCmd) Run(ctx context.Context, s *streams) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit must be at least 1, not %d", c.Limit)
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
	told := map[string]bool{}
	listed, after := 0, ""
	for {
		query := url.Values{"limit": {strconv.Itoa(min(connectionsPage, c.Limit-listed))}}
		for name, value := range map[string]string{"user": c.User, "group": c.Group, "node": c.Node, "after": after} {
			if value != "" {
				query.Set(name, value)
			}
		}
		var page struct {
			Connections []connection
			Next        string
			Unreachable missing
		}
		if err := c.call(ctx, http.MethodGet, "connections", query, nil, &page); err != nil {
			return errors.Join(table.Flush(), err)
		}
		if listed == 0 && !c.JSON && len(page.Connections) > 0 {
			_, _ = fmt.Fprintln(table, "CONNECTION\tUSER\tHUB\tHOST\tADDRESS\tTRANSPORT\tSINCE\tGROUPS")
		}
		for i := range page.Connections {
			listed++
			if err := c.print(s, table, &page.Connections[i]); err != nil {
				return err
			}
		}
		page.Unreachable.tell(s, told)
		after = page.Next
		if after != "" && listed < c.Limit {
			continue
		}
		if err := table.Flush(); err != nil {
			return err //nolint:wrapcheck // the terminal is gone
		}
		switch {
		case after != "":
			_, _ = fmt.Fprintf(s.err, "these are the first %d; there are more, see --limit\n", listed)
		case listed == 0 && !c.JSON:
			_, _ = fmt.Fprintln(s.err, "nobody is connected that fits")
		}
		if len(told) > 0 {
			return errFindings
		}
		return nil
	}
}

func (c *connectionsCmd) print(s *streams, table *tabwriter.Writer, one *connection) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(one) //nolint:wrapcheck // the terminal is gone
	}
	groups := strings.Join(one.Groups, " ")
	if one.MoreGroups > 0 {
		groups += fmt.Sprintf(" and %d more", one.MoreGroups)
	}
	transport := one.Transport
	if transport == "" {
		transport = "away"
	}
	_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
		one.ConnectionID, printable(one.User), one.Hub, printable(one.Host), one.Address, transport,
		moment(one.ConnectedAt), printable(groups))
	return err //nolint:wrapcheck // the terminal is gone
}

// tell prints the nodes, each once.
func (m missing) tell(s *streams, told map[string]bool) {
	for _, n := range m {
		if !told[n.Node] {
			told[n.Node] = true
			_, _ = fmt.Fprintf(s.err, "node %s on %s did not answer, what is there is missing: %s\n", n.Node,
				printable(n.Host), printable(n.Error))
		}
	}
}

type disconnectCmd struct {
	restAPI

	User       string `help:"Those of this user."`
	Connection string `help:"The connection with this id."`
	Group      string `help:"Those that follow ${groups}."`
	Reconnect  bool   `help:"Ask the clients to come back. Without it they stay away until their pages connect again."`
	JSON       bool   `name:"json" help:"Print the answer as JSON: {message, disconnected, unreachable}."`
}

func (c *disconnectCmd) Run(ctx context.Context, s *streams) error {
	if c.User == "" && c.Connection == "" && c.Group == "" {
		return errors.New("say whom: --user, --connection or --group (with several, connections have to fit all)")
	}
	body := map[string]any{"reconnect": c.Reconnect}
	for name, value := range map[string]string{"user": c.User, "connectionId": c.Connection, "group": c.Group} {
		if value != "" {
			body[name] = value
		}
	}
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPost, "connections/disconnect", nil, body, &raw); err != nil {
		return err
	}
	var done struct {
		Disconnected int
		Unreachable  missing
	}
	if err := json.Unmarshal(raw, &done); err != nil {
		return fmt.Errorf("reading the server's answer: %w", err)
	}
	if c.JSON {
		_, _ = fmt.Fprintln(s.out, strings.TrimSpace(string(raw)))
	} else {
		_, _ = fmt.Fprintf(s.out, "disconnected %d\n", done.Disconnected)
	}
	done.Unreachable.tell(s, map[string]bool{})
	if len(done.Unreachable) > 0 {
		return errFindings
	}
	return nil
}
