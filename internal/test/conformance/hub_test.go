package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/signalr"
)

// peer is a connection as the hub knows it.
type peer struct {
	conn  *signalr.Conn
	tag   string        // of the case that has opened it
	ended chan struct{} // closed by OnDisconnected
	err   error         // OnDisconnected's error; read behind ended

	mu    sync.Mutex
	noted []int // the numbers that Note was given
}

// newHub returns the hub at path. All hubs have the same methods.
func (w *world) newHub(path string) *signalr.Hub {
	h := signalr.NewHub(path)
	h.OnConnected(func(_ context.Context, c *signalr.Conn) error {
		p := &peer{conn: c, tag: visitorOf(c).query.Get("case"), ended: make(chan struct{})}
		c.SetValue(p)
		w.mu.Lock()
		w.peers[c.ID()] = p
		close(w.arrived)
		w.arrived = make(chan struct{})
		w.mu.Unlock()
		switch path {
		case "unwelcoming":
			return errors.New("nobody is welcome")
		case "unwelcoming-with-reason":
			return &signalr.HubError{Message: "Nobody is welcome."}
		}
		return nil
	})
	h.OnDisconnected(func(c *signalr.Conn, err error) {
		p := peerOf(c)
		p.err = err
		close(p.ended)
	})
	registerEchoes(h)
	registerFailures(h)
	registerCallbacks(h)
	registerOptionals(h)
	registerStreams(h)
	registerUploads(h)
	registerQuestions(h)
	w.registerFacts(h)
	return h
}

func peerOf(c *signalr.Conn) *peer {
	p, ok := c.Value().(*peer)
	if !ok {
		panic("a connection that OnConnected has not seen")
	}
	return p
}

// customObject and complexObject are those of the functional tests of ASP.NET Core.
type customObject struct {
	Name  string
	Value int
}

type complexObject struct {
	ByteArray []byte
	DateTime  time.Time
	GUID      uuid.UUID `json:"Guid"`
	IntArray  []int
	String    string
}

// order is an object with all that nests.
type order struct {
	ID      uuid.UUID          `json:"id"`
	Lines   []orderLine        `json:"lines"`
	Notes   map[string]string  `json:"notes"`
	Prices  map[string]float64 `json:"prices"`
	Parent  *order             `json:"parent"`
	Placed  *time.Time         `json:"placed"`
	Comment *string            `json:"comment"`
}

type orderLine struct {
	Name     string   `json:"name"`
	Quantity int      `json:"quantity"`
	Extras   []string `json:"extras"`
}

func echo[T any](h *signalr.Hub, name string) {
	signalr.Method1(h, name, func(_ context.Context, _ *signalr.Call, value T) (any, error) { return value, nil })
}

// registerEchoes registers a method for each type that an argument and a result can have.
func registerEchoes(h *signalr.Hub) {
	echo[string](h, "Echo")
	echo[*string](h, "EchoNullableString")
	echo[bool](h, "EchoBool")
	echo[int](h, "EchoInt")
	echo[*int](h, "EchoNullableInt")
	echo[int32](h, "EchoInt32")
	echo[uint8](h, "EchoByte")
	echo[float64](h, "EchoFloat")
	echo[[]byte](h, "EchoBytes")
	echo[time.Time](h, "EchoTime")
	echo[uuid.UUID](h, "EchoID")
	echo[[]int](h, "EchoInts")
	echo[[]string](h, "EchoStrings")
	echo[[][]float64](h, "EchoMatrix")
	echo[map[string]int](h, "EchoMap")
	echo[customObject](h, "EchoCustomObject")
	echo[complexObject](h, "EchoComplexObject")
	echo[*order](h, "EchoOrder")
	echo[json.RawMessage](h, "EchoAny")
	signalr.Method0(h, "Nothing", func(context.Context, *signalr.Call) (any, error) { return nil, nil })
	signalr.Method2(h, "Add", func(_ context.Context, _ *signalr.Call, a, b int) (any, error) { return a + b, nil })
	signalr.Method1(h, "Letters", func(_ context.Context, _ *signalr.Call, n int) (any, error) { return letters(n), nil })
	signalr.Method0(h, "ComplexObject", func(context.Context, *signalr.Call) (any, error) {
		return complexObject{
			ByteArray: []byte{1, 2, 3},
			DateTime:  time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
			GUID:      uuid.MustParse("00010203-0405-0607-0706-050403020100"),
			IntArray:  []int{1, 2, 3},
			String:    "hello world",
		}, nil
	})
}

// letters returns n bytes that repeat every 26, so that a gap in their middle shows.
func letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return string(b)
}

// registerFailures registers a method for each way to fail.
func registerFailures(h *signalr.Hub) {
	signalr.Method1(h, "Fail", func(_ context.Context, _ *signalr.Call, text string) (any, error) {
		return nil, errors.New(text)
	})
	signalr.Method1(h, "Refuse", func(_ context.Context, _ *signalr.Call, text string) (any, error) {
		return nil, &signalr.HubError{Message: text}
	})
	signalr.Method1(h, "RefuseWrapped", func(_ context.Context, _ *signalr.Call, text string) (any, error) {
		return nil, fmt.Errorf("looking it up: %w", &signalr.HubError{Message: text})
	})
	signalr.Method1(h, "Panic", func(_ context.Context, _ *signalr.Call, text string) (any, error) { panic(text) })
	signalr.Method0(h, "Unencodable", func(context.Context, *signalr.Call) (any, error) { return make(chan int), nil })
}

// registerFacts registers the methods that tell a case about its own connection, and those that wait for the case.
func (w *world) registerFacts(h *signalr.Hub) {
	signalr.Method0(h, "ConnectionID", func(_ context.Context, c *signalr.Call) (any, error) { return c.Conn.ID(), nil })
	signalr.Method0(h, "UserName", func(_ context.Context, c *signalr.Call) (any, error) {
		return c.Conn.User().ID(), nil
	})
	signalr.Method1(h, "Header", func(_ context.Context, c *signalr.Call, name string) (any, error) {
		return first(visitorOf(c.Conn).header.Values(name)), nil
	})
	signalr.Method1(h, "Query", func(_ context.Context, c *signalr.Call, name string) (any, error) {
		return first(visitorOf(c.Conn).query[name]), nil
	})
	signalr.Method1(h, "Cookie", func(_ context.Context, c *signalr.Call, name string) (any, error) {
		for _, line := range visitorOf(c.Conn).header.Values("Cookie") {
			cookies, err := http.ParseCookie(line)
			if err != nil {
				return nil, err
			}
			for _, cookie := range cookies {
				if cookie.Name == name {
					return cookie.Value, nil
				}
			}
		}
		return nil, nil
	})
	signalr.Method1(h, "Hold", func(ctx context.Context, _ *signalr.Call, key string) (any, error) {
		return key, w.gate(key).hold(ctx)
	})
	signalr.Method1(h, "Note", func(_ context.Context, c *signalr.Call, n int) (any, error) {
		return peerOf(c.Conn).note(n), nil
	})
	signalr.Method0(h, "Noted", func(_ context.Context, c *signalr.Call) (any, error) {
		return peerOf(c.Conn).tally(), nil
	})
	signalr.Method2(h, "CloseMe", func(
		_ context.Context, c *signalr.Call, reason string, allowReconnect bool,
	) (any, error) {
		c.Conn.Close(reason, allowReconnect)
		return nil, nil
	})
}

func visitorOf(c *signalr.Conn) *visitor {
	v, ok := c.User().(*visitor)
	if !ok {
		panic("a user whom authenticate has not made")
	}
	return v
}

// first returns null where there is none.
func first(values []string) any {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}

// tally says how many numbers a client has sent, and where they do not follow each other.
type tally struct {
	Count    int    `json:"count"`
	Disorder string `json:"disorder"`
}

// note adds n, and returns how many numbers there are.
func (p *peer) note(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noted = append(p.noted, n)
	return len(p.noted)
}

func (p *peer) tally() tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, n := range p.noted {
		if n != i {
			return tally{Count: len(p.noted), Disorder: fmt.Sprintf("number %d stands at index %d", n, i)}
		}
	}
	return tally{Count: len(p.noted)}
}
