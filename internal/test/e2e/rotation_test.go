package e2e_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/balancer"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// signer is an issuer's key.
type signer struct {
	method jwt.SigningMethod
	key    any
	line   []byte // of the key file
}

func (s *signer) token(t *testing.T) string {
	t.Helper()
	return sign(t, s.method, s.key, claims())
}

func secretSigner(secret string) *signer {
	return &signer{jwt.SigningMethodHS256, []byte(secret), []byte(secret + "\n")}
}

func keySigner(t *testing.T, method jwt.SigningMethod, key crypto.Signer) *signer {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return &signer{method, key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
}

// TestKeysAreChangedWithoutRefusingAnybody: two nodes are restarted one after the other, first with the new key
// beside the old one and then without the old one, as in docs/security.md. Meanwhile clients keep connecting with
// tokens of both keys, and a client that stays misses no event.
//
// Acceptance: A-485.
func TestKeysAreChangedWithoutRefusingAnybody(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for setting, keys := range map[string][2]*signer{
		"HERALD_JWT_SECRET_FILE": {
			secretSigner(secret), secretSigner("the-next-secret-that-these-tests-know-0123456789"),
		},
		"HERALD_JWT_PUBLIC_KEY_FILE": {keySigner(t, jwt.SigningMethodEdDSA, ed), keySigner(t, jwt.SigningMethodES256, ec)},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			older, newer := keys[0], keys[1]
			r := rotate(t, setting, older)
			r.begin(t)
			r.restart(t, append(append([]byte{}, newer.line...), older.line...)) // both
			r.issues[0].Store(newer)                                             // half of the clients get new tokens
			r.goOn(t)
			r.issues[1].Store(newer) // the last old token has expired
			r.goOn(t)
			r.restart(t, newer.line)
			r.finish(t)
			for _, node := range r.nodes {
				require.Equal(
					t, http.StatusUnauthorized, negotiated(t, node, customerHub, older.token(t)), "the old key opens nothing now",
				)
				require.Equal(t, http.StatusOK, negotiated(t, node, customerHub, newer.token(t)))
			}
		})
	}
}

// rotation is two nodes, and the clients that keep connecting to them.
type rotation struct {
	setting, file string

	nodes  []*server
	issues [2]atomic.Pointer[signer] // the keys of the tokens of each half of the clients

	up       atomic.Pointer[[]string] // the nodes in the balancer
	balancer *balancer.Balancer
	entrance *entrance // of the client that stays

	comers []*comer
	stays  *stayer
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// comer is a client that connects again and again.
type comer struct {
	came, late atomic.Int64
	mu         sync.Mutex
	refused    []string
}

func rotate(t *testing.T, setting string, older *signer) *rotation {
	t.Helper()
	r := &rotation{setting: setting, file: filepath.Join(t.TempDir(), "keys")}
	require.NoError(t, os.WriteFile(r.file, older.line, 0o600))
	dsn := pgtest.New(t).DSN()
	env := []string{
		"HERALD_SHUTDOWN_SPREAD=100ms", "HERALD_NEGOTIATION_RATE=0", "HERALD_AUDIT_LOG=false",
		"HERALD_TRUSTED_PROXIES=127.0.0.1",
	}
	if older.method != jwt.SigningMethodHS256 { // a secret is not in a file before the first change
		env = append(env, r.settings()...)
	}
	for range 2 {
		r.nodes = append(r.nodes, serve(t, dsn, env...))
	}
	addresses := addressesOf(r.nodes...)
	r.up.Store(&addresses)
	var err error
	r.balancer, err = balancer.New(func() []string { return *r.up.Load() })
	require.NoError(t, err)
	t.Cleanup(r.balancer.Close)
	r.entrance = balance(t, r.nodes...)
	for i := range r.issues {
		r.issues[i].Store(older)
	}
	r.stays = &stayer{producer: produce(t, dsn), order: newOrder()}
	// it may follow the order from now on
	r.stays.published = append(r.stays.published, r.stays.order.changed(t, r.stays.producer, "Placed"))
	return r
}

// settings make a node read the file.
func (r *rotation) settings() []string {
	return []string{"HERALD_JWT_SECRET=", r.setting + "=" + r.file}
}

// begin starts the clients.
func (r *rotation) begin(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r.stop = func() { stop(); r.ended.Wait() }
	t.Cleanup(r.stop)
	for i := range 4 {
		c := &comer{}
		r.comers = append(r.comers, c)
		r.ended.Go(func() {
			for ctx.Err() == nil {
				c.come(ctx, r.balancer.URL, func() string { return r.issues[i%2].Load().token(t) })
			}
		})
	}
	r.ended.Go(func() {
		r.stays.follow(
			ctx, r.entrance.url, func(context.Context) (string, error) { return r.issues[0].Load().token(t), nil },
		)
	})
	r.goOn(t)
}

// restart gives the nodes another key file, and restarts them one after the other. Each is first removed from the
// balancer.
func (r *rotation) restart(t *testing.T, file []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(r.file, file, 0o600))
	all := *r.up.Load()
	for i, node := range r.nodes {
		others := []string{all[1-i]}
		r.up.Store(&others)
		r.entrance.prefer(t, r.nodes[1-i])
		code, _ := node.terminate(t)
		require.Zero(t, code)
		r.goOn(t)
		node.env = append(node.env, r.settings()...)
		node.start(t)
		r.up.Store(&all)
		r.goOn(t)
	}
}

// goOn returns when every client has connected some more times, and the client that stays has received one more
// event.
func (r *rotation) goOn(t *testing.T) {
	t.Helper()
	const times = 5
	for i, c := range r.comers {
		from := c.came.Load()
		require.True(
			t, eventually(func() bool { return c.came.Load() >= from+times || len(c.refusals()) > 0 }),
			"client %d comes in no more", i,
		)
		require.Empty(t, c.refusals(), "client %d", i)
	}
	r.stays.publish(t)
}

func (r *rotation) finish(t *testing.T) {
	t.Helper()
	r.stop()
	var came, late int64
	for _, c := range r.comers {
		require.Empty(t, c.refusals())
		came, late = came+c.came.Load(), late+c.late.Load()
	}
	r.stays.check(t)
	t.Logf("%d connections were opened, %d of them not at the first attempt", came, late)
}

func (c *comer) refusals() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// come negotiates once and opens a WebSocket once, usually on another node. A node that ends at this moment does not
// count as a refusal: the client tries again.
func (c *comer) come(ctx context.Context, url string, token func() string) {
	status, id, err := c.negotiate(ctx, url, token())
	if err == nil && status == http.StatusOK {
		status, err = c.open(ctx, url, id, token())
	}
	switch {
	case ctx.Err() != nil:
	case err == nil && status == http.StatusOK:
		c.came.Add(1)
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused = append(c.refused, fmt.Sprintf("%d: %v", status, err))
	default:
		c.late.Add(1)
	}
}

func (c *comer) negotiate(ctx context.Context, url, token string) (status int, id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(
		ctx, http.MethodPost, url+customerHub+"/negotiate?negotiateVersion=1", http.NoBody,
	)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, "", nil
	}
	var answer struct{ ConnectionToken string }
	err = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer.ConnectionToken, err
}

// open does the handshake over a WebSocket, and leaves.
func (c *comer) open(ctx context.Context, url, id, token string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, early, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+customerHub+"?id="+id+"&access_token="+token)
	if refusal, ok := errors.AsType[ws.StatusError](err); ok {
		return int(refusal), err
	}
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if err := wsutil.WriteClientText(conn, []byte("{\"protocol\":\"json\",\"version\":1}\x1e")); err != nil {
		return 0, err
	}
	var from io.Reader = conn
	if early != nil {
		from = io.MultiReader(early, conn)
	}
	answer := make([]byte, len("{}\x1e"))
	_, err = ws.ReadHeader(from)
	if err == nil {
		_, err = io.ReadFull(from, answer)
	}
	if err == nil && string(answer) != "{}\x1e" {
		err = fmt.Errorf("instead of shaking hands: %q", answer)
	}
	return http.StatusOK, err
}

// stayer is a client that follows an order all the time.
type stayer struct {
	producer producer
	order    order

	mu        sync.Mutex
	published []uuid.UUID
	received  []uuid.UUID
	ended     error
}

func (s *stayer) follow(ctx context.Context, url string, token func(context.Context) (string, error)) {
	err := hubclient.Follow(ctx, hubclient.Config{
		URL: url, Token: token, Backoff: []time.Duration{0, 50 * time.Millisecond}, ForbiddenPatience: patience,
		Logger: slog.New(slog.DiscardHandler),
	}, hubclient.Subscription{
		Group: event.OrderGroup(s.order.id), LastEventID: &uuid.Nil,
	}, func(e hubclient.Event) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.received = append(s.received, e.EventID)
		return nil
	}, hubclient.Hooks{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil {
		s.ended = err
	}
}

// publish publishes one more event, and returns when it has arrived.
func (s *stayer) publish(t *testing.T) {
	t.Helper()
	id := s.order.changed(t, s.producer, "Preparing")
	s.mu.Lock()
	s.published = append(s.published, id)
	s.mu.Unlock()
	require.True(t, eventually(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.ended != nil || len(s.received) >= len(s.published)
	}), "the event does not arrive")
	s.check(t)
}

func (s *stayer) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, s.ended, "the client that stays is refused")
	require.Equal(t, s.published, s.received)
}
