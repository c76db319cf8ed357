package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"
)

type nodeCmd struct {
	List  nodeListCmd  `cmd:"" help:"List the nodes, with their states."`
	Drain nodeDrainCmd `cmd:"" help:"Take a node out as SIGTERM does, without ending it."`
}

type nodeListCmd struct {
	restAPI

	JSON bool `name:"json" help:"Print one JSON object a line and node."`
}

func (c *nodeListCmd) Run(ctx context.Context, s *streams) error {
	var list struct{ Nodes []json.RawMessage }
	if err := c.call(ctx, http.MethodGet, "nodes", nil, nil, &list); err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0) //nolint:mnd // two spaces between columns
	if !c.JSON {
		_, _ = fmt.Fprintln(table, "NODE\tHOST\tSTATE\tCONNECTIONS\tVERSION\tADDRESS\tSTARTED")
	}
	for _, raw := range list.Nodes {
		if c.JSON {
			_, _ = fmt.Fprintln(s.out, string(raw))
			continue
		}
		var n struct {
			Node, Host, State, Version, Address string

			Connections int
			StartedAt   time.Time
		}
		if err := json.Unmarshal(raw, &n); err != nil {
			return fmt.Errorf("reading the server's answer: %w", err)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n",
			n.Node, printable(n.Host), n.State, n.Connections, printable(n.Version), printable(n.Address), moment(n.StartedAt))
	}
	return table.Flush() //nolint:wrapcheck // the terminal is gone
}

type nodeDrainCmd struct {
	restAPI

	Node  string `arg:"" help:"The node's id, or its host where that has one: see herald node list."`
	Force bool   `help:"Also where no other node takes connections."`
}

func (c *nodeDrainCmd) Run(ctx context.Context, s *streams) error {
	var done struct{ Message, Node, Host string }
	err := c.call(ctx, http.MethodPost, "nodes/"+url.PathEscape(c.Node)+"/drain", nil,
		map[string]any{"force": c.Force}, &done)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out,
		"%s: %s on %s; its clients leave over its HERALD_SHUTDOWN_SPREAD, and it stays drained until it is restarted\n",
		done.Message, done.Node, printable(done.Host))
	return err //nolint:wrapcheck // the terminal is gone
}
