package adminapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

const (
	connectionPageDefault = 100
	connectionPageMaximum = 1000
	// GroupsListed is how many groups of a connection are listed; the others are counted.
	GroupsListed = 20
	// nameMaximum bounds the texts of a filter.
	nameMaximum = 1024

	connectionsPath = "/api/admin/realtime/connections"
	disconnectPath  = connectionsPath + "/disconnect"
)

// Connection is a client's connection as administrators see it.
type Connection struct {
	ConnectionID string    `json:"connectionId"`
	Hub          string    `json:"hub"` // the hub's path
	User         string    `json:"user"`
	Node         uuid.UUID `json:"node"`
	Host         string    `json:"host"`
	Address      string    `json:"address"`             // the client's address
	Transport    string    `json:"transport,omitempty"` // empty while a client with stateful reconnect is away
	ConnectedAt  time.Time `json:"connectedAt"`
	Groups       []string  `json:"groups"`               // at most GroupsListed
	MoreGroups   int       `json:"moreGroups,omitempty"` // how many are not listed
}

// ConnectionFilter selects the connections that match all its fields that are not empty.
type ConnectionFilter struct {
	User         string
	Group        event.Group
	ConnectionID string
}

// Connections are the connections of this node.
type Connections interface {
	// List returns the matching connections with an id behind after, ordered by id, at most limit.
	List(filter ConnectionFilter, after string, limit int) []Connection
	// Disconnect closes the matching connections and returns their number. With reconnect, their clients are asked to
	// come back.
	Disconnect(filter ConnectionFilter, reconnect bool) int
}

// connectionPage is the answer of GET connections. Next is the value of after for the next page; it is empty on the
// last page.
type connectionPage struct {
	Connections []Connection  `json:"connections"`
	Next        string        `json:"next,omitempty"`
	Unreachable []Unreachable `json:"unreachable"`
}

// connectionQuery holds the parameters of GET connections.
type connectionQuery struct {
	filter ConnectionFilter
	node   string // an id or a host; empty: any
	after  string // a connection's id
	limit  int
}

func parseConnectionQuery(r *http.Request) (q connectionQuery, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, newProblem(http.StatusBadRequest, "The query is malformed.")
	}
	errs := fieldErrors{}
	for name, given := range values {
		switch {
		case !slices.Contains([]string{"user", "group", "node", "limit", "after", "access_token"}, name):
			errs.add(shortened(name), "The field is not known here.")
		case len(given) > 1:
			errs.add(name, "The field must be there once.")
		case name != "access_token" && len(given[0]) > nameMaximum:
			errs.add(name, fmt.Sprintf("The field must not have more than %d bytes.", nameMaximum))
		}
	}
	q = connectionQuery{
		filter: ConnectionFilter{User: values.Get("user"), Group: parseGroup(errs, values.Get("group"))},
		node:   values.Get("node"), after: values.Get("after"), limit: connectionPageDefault,
	}
	if text := values.Get("limit"); text != "" {
		if q.limit, err = strconv.Atoi(text); err != nil || q.limit < 1 || q.limit > connectionPageMaximum {
			errs.add("limit", fmt.Sprintf("The field must be a whole number from 1 to %d.", connectionPageMaximum))
		}
	}
	if len(errs) > 0 {
		return q, invalid(errs)
	}
	return q, nil
}

// parseGroup reads the field group in any casing; an empty text is the zero Group.
func parseGroup(errs fieldErrors, text string) event.Group {
	g, err := event.ParseGroup(strings.ToLower(text))
	if err != nil && text != "" && len(errs["group"]) == 0 {
		errs.add("group", "The field must be a group: "+event.GroupForms()+".")
	}
	return g
}

// question asks another node for the same page of its own connections.
func (q connectionQuery) question() question {
	query := url.Values{"limit": {strconv.Itoa(q.limit)}}
	for name, value := range map[string]string{
		"user": q.filter.User, "group": q.filter.Group.String(), "after": q.after,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return question{method: http.MethodGet, path: connectionsPath, query: query.Encode()}
}

// listConnections answers for this node if another node asks, else for all nodes. Pages are ordered by connection id
// over all nodes, so a node that comes, goes or does not answer moves no other node's connections to another page.
func (a *API) listConnections(r *request) (any, error) {
	q, err := parseConnectionQuery(r.Request)
	if err != nil {
		return nil, err
	}
	nodes, err := a.nodesMeant(r, q.node)
	if err != nil {
		return nil, err
	}
	leave, ok := a.pages.take(r.Context(), r.principal.Subject)
	if !ok {
		return nil, tooMany(tooManyPages, time.Second)
	}
	pages, unreachable := fromEach(a, r, nodes, func() connectionPage {
		list := a.cfg.Connections.List(q.filter, q.after, q.limit+1)
		return pageOf(list, q.limit)
	}, q.question())
	var all []Connection
	more := false
	for _, p := range pages {
		all = append(all, p.Connections...)
		more = more || p.Next != ""
	}
	slices.SortFunc(all, func(x, y Connection) int { return strings.Compare(x.ConnectionID, y.ConnectionID) })
	page := pageOf(all, q.limit)
	if more && page.Next == "" {
		page.Next = all[len(all)-1].ConnectionID
	}
	page.Unreachable = unreachable
	answer, err := encode(page)
	return written{json: answer, sent: leave}, err
}

// pageOf is the first page of a list, with the place where the next one begins.
func pageOf(list []Connection, limit int) connectionPage {
	page := connectionPage{Connections: append([]Connection{}, list...), Unreachable: []Unreachable{}} // never null
	if len(list) > limit {
		page.Connections = page.Connections[:limit]
		page.Next = list[limit-1].ConnectionID
	}
	return page
}

// disconnection is the answer of POST connections/disconnect.
type disconnection struct {
	Message      string        `json:"message"`
	Disconnected int           `json:"disconnected"`
	Unreachable  []Unreachable `json:"unreachable"`

	whom ConnectionFilter // for the audit log
}

func (a *API) disconnect(r *request) (any, error) {
	b, err := readBody(r.Request)
	if err != nil {
		return nil, err
	}
	filter := ConnectionFilter{
		User: b.optional("user"), ConnectionID: b.optional("connectionId"), Group: parseGroup(b.errors, b.optional("group")),
	}
	reconnect := b.flag("reconnect")
	b.nothingElse()
	if filter == (ConnectionFilter{}) && len(b.errors) == 0 {
		b.errors.add(
			"$", "One of user, connectionId and group is required; where there are several, connections have to fit all.",
		)
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	nodes, err := a.nodesMeant(r, "")
	if err != nil {
		return nil, err
	}
	body := map[string]any{"reconnect": reconnect}
	for name, value := range map[string]string{
		"user": filter.User, "group": filter.Group.String(), "connectionId": filter.ConnectionID,
	} {
		if value != "" {
			body[name] = value
		}
	}
	answers, unreachable := fromEach(a, r, nodes, func() disconnection {
		return disconnection{Disconnected: a.cfg.Connections.Disconnect(filter, reconnect)}
	}, question{method: http.MethodPost, path: disconnectPath, body: body})
	done := disconnection{Message: "Connections closed", Unreachable: unreachable, whom: filter}
	for _, answer := range answers {
		done.Disconnected += answer.Disconnected
	}
	return done, nil
}
