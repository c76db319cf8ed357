package hostile_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A client that knows a connection token cannot change the connection, whatever it sends, except with a valid token
// of the connection's own user. None of its requests causes a server error.
//
// Acceptance.
func TestRefreshesThatMeanHarm(t *testing.T) {
	t.Parallel()
	client := node(t, pgtest.New(t), func(cfg *app.Config) {
		cfg.Server.HandshakeTimeout, cfg.Server.DisconnectTimeout = patience, patience // its client only refreshes
	})
	hub := client.URL + event.CustomerOrdersPath
	mine := map[string]string{"Authorization": "Bearer " + token(t, "alice")}
	response := send(t, http.MethodPost, hub+"/negotiate?negotiateVersion=1", mine)
	var negotiated struct{ ConnectionToken, ConnectionID string }
	require.NoError(t, json.Unmarshal([]byte(response.body), &negotiated))
	connection := negotiated.ConnectionToken
	require.Equal(t, http.StatusOK, send(t, http.MethodGet, hub+"?id="+connection, mine).StatusCode)

	refresh := func(bearer, connection, query, body string) answer {
		headers := map[string]string{"Authorization": "Bearer " + bearer, "body": body}
		if connection != "" {
			headers["X-SignalR-Connection-Token"] = connection
		}
		return send(t, http.MethodPost, hub+"/refresh"+query, headers)
	}
	good := token(t, "alice")
	for name, c := range map[string]struct {
		answer answer
		status int
	}{
		"another user's token":       {refresh(token(t, "mallory"), connection, "", ""), http.StatusForbidden},
		"a subject in other letters": {refresh(token(t, "Alice"), connection, "", ""), http.StatusForbidden},
		"a forged token":             {refresh(good[:len(good)-2], connection, "", ""), http.StatusUnauthorized},
		"a huge token": {
			refresh(strings.Repeat("a", 20<<10), connection, "", ""), http.StatusUnauthorized,
		},
		"the public id":                  {refresh(good, negotiated.ConnectionID, "", ""), http.StatusNotFound},
		"a connection that never was":    {refresh(good, uuid.NewString(), "", ""), http.StatusNotFound},
		"a huge connection token":        {refresh(good, strings.Repeat("A", 20<<10), "", ""), http.StatusNotFound},
		"bytes that are none of a token": {refresh(good, "\xff\xfe %00", "", ""), http.StatusNotFound},
		"no connection token":            {refresh(good, "", "", ""), http.StatusBadRequest},
		"an empty one in the query":      {refresh(good, "", "?id=", ""), http.StatusBadRequest},
		"a body of a megabyte": {
			refresh(good, connection, "", strings.Repeat("x", 1<<20)), http.StatusRequestEntityTooLarge,
		},
		"a token in the body": {
			refresh("", connection, "", `{"access_token":"`+good+`"}`), http.StatusUnauthorized,
		},
		"a path behind it": {send(t, http.MethodPost, hub+"/refresh/x", mine), http.StatusNotFound},
		"another hub": {
			send(t, http.MethodPost, client.URL+event.TeamCartPath+"/refresh?id="+connection, mine), http.StatusNotFound,
		},
		"the admin hub, of a ticket of it": {
			send(t, http.MethodPost, client.URL+event.AdminPath+"/refresh?id="+connection, mine), http.StatusNotFound,
		},
	} {
		require.Equal(t, c.status, c.answer.StatusCode, "%s: %s", name, c.answer.body)
	}
	require.Equal(t, http.StatusOK, refresh(good, connection, "", "").StatusCode)

	// Many requests at once are answered one after another, or told to come later; the connection lives. They are no
	// more than an address may have open without a token: how soon their headers are read depends on the machine.
	var all sync.WaitGroup
	statuses, turns := make(chan int, 400), make(chan struct{}, 80)
	for range cap(statuses) {
		turns <- struct{}{}
		all.Go(func() {
			statuses <- refresh(good, connection, "", "").StatusCode
			<-turns
		})
	}
	all.Wait()
	close(statuses)
	for status := range statuses {
		require.Contains(t, []int{http.StatusOK, http.StatusTooManyRequests, http.StatusServiceUnavailable}, status)
	}
	require.Equal(t, http.StatusAccepted, send(t, http.MethodDelete, hub+"?id="+connection, mine).StatusCode,
		"it was there to the end")
	require.Equal(t, http.StatusNotFound, refresh(good, connection, "", "").StatusCode)
}
