package hostile_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	command "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// arrivals connects to a hub and returns the messages that the connection receives, each invocation's arguments as
// one text.
func arrivals(t *testing.T, cfg hubclient.Config, hub string) (*hubclient.Connection, <-chan string) {
	t.Helper()
	received := make(chan string, 1000)
	c, err := hubclient.Connect(t.Context(), cfg, hub, func(i hubclient.Invocation) {
		if i.Method != "ConnectionEstablished" {
			received <- string(bytes.Join(raw(i.Arguments), []byte(",")))
		}
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, received
}

func raw(arguments []json.RawMessage) (all [][]byte) {
	for _, a := range arguments {
		all = append(all, a)
	}
	return all
}

func next[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing comes")
		panic("unreachable")
	}
}

// A payload's members beyond its named fields stand behind sequence, in jsonb's order and form, live and in resumes
// from memory and from the log, over REST and in a hub. A member with the name of one of Herald's own replaces
// nothing.
//
// Acceptance.
func TestWhatAPayloadHoldsBeyondItsFieldsArrivesAsItIs(t *testing.T) {
	t.Parallel()
	const payload = `{"status": "Placed", "orderNumber": "YZ-1", "ordernumber": "other", "OrderNumber": null, "deliveredat": "yesterday", "eventId": "mine",
		"EventId": "mine", "sequence": -1, "Sequence": 9, "orderId": 1, "total": 12.500, "huge": 123456789012345678901234567890.10, "z": [1,  {"b": 1, "aa": 2, "a": 3}],
		"note": "ü \u0001 \"<&>\" \u2028"}`
	const extras = `,"z":[1, {"a": 3, "b": 1, "aa": 2}],"huge":123456789012345678901234567890.10,"note":"ü \u0001 \"<&>\" ` + "\u2028" +
		`","total":12.500,"EventId":"mine","Sequence":9,"OrderNumber":null,"deliveredat":"yesterday","ordernumber":"other"}`
	db := pgtest.New(t)
	order, restaurant, conn := uuid.New(), uuid.New(), db.Conn(t)
	fromRing := node(t, db, nil)
	fromLog := node(t, db, func(c *app.Config) { c.Server.RingBytes = 1 })
	exec(t, conn, "SELECT herald.grant_access('MustBeOrderOwner', $1, 'tester')", order)
	live, received := arrivals(t, fromRing, "/hubs/customer-orders")
	_, err := live.Invoke(t.Context(), "SubscribeToOrder", order.String())
	require.NoError(t, err)

	var id uuid.UUID
	require.NoError(t,
		conn.QueryRow(t.Context(),
			`INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload, occurred_on_utc)
		VALUES ('OrderPlaced', $1, $2, 'c', $3, '2026-01-20T10:30:00Z') RETURNING event_id`, order, restaurant, payload).Scan(&id))
	want := fmt.Sprintf(`{"orderId":%q,"orderNumber":"YZ-1","status":"Placed","restaurantId":%q,"lastUpdateTimestamp":"2026-01-20T10:30:00Z",`+
		`"estimatedDeliveryTime":null,"actualDeliveryTime":null,"deliveredAt":null,"occurredOnUtc":"2026-01-20T10:30:00Z","eventId":%q,"sequence":1`,
		order, restaurant, id) + extras
	require.Equal(t, want, next(t, received))
	for _, cfg := range []hubclient.Config{fromRing, fromLog} {
		c, received := arrivals(t, cfg, "/hubs/customer-orders")
		_, err := c.Invoke(t.Context(), "ResumeOrder", order.String(), uuid.Nil.String())
		require.NoError(t, err)
		require.Equal(t, want, next(t, received))
		var body bytes.Buffer
		status, _, err := fetch(t.Context(),
			cfg.URL+"/api/realtime/events?hub=customer-orders&resource="+order.String()+"&after="+uuid.Nil.String(),
			token(t, "tester"), &body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body.String(), `"arguments":[`+want+`]`)
	}

	// Admin events, whose bodies come over REST.
	admin, received := arrivals(t, fromRing, "/hubs/admin")
	_, err = admin.Invoke(t.Context(), "SubscribeToAlerts")
	require.NoError(t, err)
	var answer bytes.Buffer
	require.Equal(t, http.StatusOK, post(t, fromRing.URL+"/api/admin/realtime/alert/error",
		`{"message":"m","severity":"critical","type":"info","timestamp":"mine","eventId":1,"host":{"name":"db-1","aa":[1.50]},"Sequence":2}`, &answer), answer.String())
	got := next(t, received)
	require.Regexp(t,
		`^{"timestamp":"[^"]+","type":"error","message":"m","severity":"critical","data":null,"eventId":"[^"]+","sequence":1,`+
			`"host":{"aa": \[1.50\], "name": "db-1"},"Sequence":2}$`, got)
}

// post sends a JSON body as an administrator.
func post(t *testing.T, url, body string, answer io.Writer) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token(t, "admin"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.Copy(answer, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

// heard is a line that the published client prints, see follow.mjs.
type heard struct {
	Event  string
	Args   []json.RawMessage
	Result json.RawMessage
	Closed *string
}

// published follows a hub with Microsoft's client over MessagePack until the test ends. The invocation's result is
// its first line, or follows the events that a resume replays.
func published(t *testing.T, url, method string, arguments ...string) <-chan heard {
	t.Helper()
	const installed = "../conformance/client"
	_, err := os.Stat(installed + "/node_modules/@microsoft/signalr-protocol-msgpack")
	require.NoError(t, err,
		"the published client is not installed: run `make test`, or `npm ci` in internal/test/conformance/client")
	cmd := command.CommandContext(context.WithoutCancel(t.Context()), "node",
		append([]string{"follow.mjs", url, token(t, "tester"), method}, arguments...)...)
	cmd.Dir, cmd.Stderr = installed, os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines, ended := make(chan heard, 1000), make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			var line heard
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				t.Errorf("%s: %v", scanner.Text(), err)
			}
			lines <- line
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-ended
		_ = cmd.Wait()
	})
	return lines
}

// Keys and nesting that break clients, written by the owner of the table with the trigger switched off, or by an
// older release. Those events are set aside or passed over; the client survives, and receives the events behind
// them. The deepest allowed nesting arrives.
//
// Acceptance.
func TestNothingInAPayloadEndsAClient(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	cfg := node(t, db, func(c *app.Config) { c.Server.RingBytes = 1 })
	conn := db.Conn(t)
	exec(t, conn, "ALTER TABLE herald.outbox DISABLE TRIGGER USER")
	publish := func(details string) {
		t.Helper()
		exec(t, conn, `INSERT INTO herald.outbox (event_type, payload) VALUES ('UserActivityUpdate', jsonb_build_object(
			'userId', 'u', 'action', 'a', 'details', $1::jsonb))`, details)
	}
	nested := func(levels int) string {
		return `{"x": ` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	const deepest = 61 // behind the message, its arguments and the event

	live := published(t, cfg.URL+"/hubs/admin", "SubscribeToUserActivity")
	require.NotNil(t, next(t, live).Result)
	for _, details := range []string{
		`{"__proto__": 1}`, `{"a": [{"__proto__": {}}]}`, nested(deepest + 1), nested(1001),
	} {
		publish(details)
	}
	publish(nested(deepest))
	require.Contains(t, string(next(t, live).Args[0]), strings.Repeat("[", deepest-1))
	require.Eventually(t, func() bool {
		var dead int
		require.NoError(t,
			conn.QueryRow(t.Context(), `SELECT count(*) FROM herald.outbox o, herald.event_status(o.event_id) s
			WHERE s.detail LIKE '%\_\_proto\_\_%' OR s.detail LIKE '%nests deeper%'`).Scan(&dead))
		return dead == 4
	}, patience, 20*time.Millisecond)

	// An older release has relayed such an event.
	publish(`{"older": true}`)
	require.Contains(t, string(next(t, live).Args[0]), `"older":true`)
	exec(t, conn,
		`UPDATE herald.outbox SET payload = jsonb_set(payload, '{details}', '{"__proto__": 1}') WHERE payload->'details' ? 'older'`)
	publish(`{"last": true}`)
	require.Contains(t, string(next(t, live).Args[0]), `"last":true`)
	resumed := published(t, cfg.URL+"/hubs/admin", "ResumeUserActivity", `"`+uuid.Nil.String()+`"`)
	require.Contains(t, string(next(t, resumed).Args[0]), strings.Repeat("[", deepest-1))
	require.Contains(t, string(next(t, resumed).Args[0]), `"last":true`)
	require.Contains(t, string(next(t, resumed).Result), `"Status":"resumed"`)
	publish(`{"alive": true}`)
	require.Contains(t, string(next(t, resumed).Args[0]), `"alive":true`)
	require.Contains(t, string(next(t, live).Args[0]), `"alive":true`)
}
