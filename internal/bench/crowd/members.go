package crowd

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
)

// members is the clients' process, as the bench sees it. The process reads one JSON object a line, executes it and
// answers with another. On a separate pipe it reports the messages that have arrived at all members.
type members struct {
	*child
	ask      *json.Encoder
	hear     *json.Decoder
	arrivals *os.File
}

// request is a line to the members.
type request struct {
	Do   command         `json:"do"`
	With json.RawMessage `json:"with,omitempty"`
}

// answer is a line from the members.
type answer struct {
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// command names an order to the members.
type command string

const (
	openAll      command = "open"      // openOrder → taken: connect more members, up to the handshake
	subscribeAll command = "subscribe" // → taken: SubscribeToOrder, each to its own order
	rest         command = "rest"      // from now on, read and discard all messages
	cut          command = "cut"       // end all connections at once, as a failing network does
	countAll     command = "count"     // countOrder: of members that count, begin a run
	openStuck    command = "stick"     // openOrder: connect one more member that never reads
	closeStuck   command = "unstick"   // end that member
	invokeAll    command = "invoke"    // invokeOrder → invoked: call as fast as answers come
	joinAll      command = "join"      // ResumeOrder from now on; the answer must name the order's first event
	storm        command = "storm"     // stormOrder → stormed: all come back and resume
	flood        command = "flood"     // floodOrder → stormed: the storm's baseline
	replay       command = "replay"    // stormOrder → stormed: all resume at once, on their open connections
	pull         command = "pull"      // pullOrder → stormed: the replay's baseline
)

// client is a member's identity and its order.
type client struct {
	Token string    `json:"token"`
	Order uuid.UUID `json:"order"`
}

// openOrder opens connections to URL, an http address, at most Dial at a time.
type openOrder struct {
	URL       string   `json:"url"`
	Clients   []client `json:"clients"`
	Dial      int      `json:"dial"`
	Negotiate bool     `json:"negotiate,omitempty"` // each asks for a connection token first
	Counting  bool     `json:"counting,omitempty"`  // they count from their first message on
	Silent    bool     `json:"silent,omitempty"`    // they send no pings
}

// taken is how long something took.
type taken struct {
	Took time.Duration `json:"took"`
}

// countOrder begins a run of messages, each one frame of Size bytes, at most Window outstanding. First is the first
// frame.
type countOrder struct {
	Size   int    `json:"size"`
	Window int    `json:"window"`
	First  []byte `json:"first"`
}

// invokeOrder makes every member send the frames of Requests over and over, at most Window of them unanswered. The
// answers must be those of Replies, in order.
type invokeOrder struct {
	Window   int           `json:"window"`
	Duration time.Duration `json:"duration"`
	Requests [][]byte      `json:"requests"` // frames of one size
	Replies  [][]byte      `json:"replies"`  // as many frames, of one size
}

type invoked struct {
	Invocations int           `json:"invocations"`
	Took        time.Duration `json:"took"`
}

// stormOrder makes all members resume behind event First-1 of their orders. Each must be sent Events events,
// numbered from First.
type stormOrder struct {
	Dial   int `json:"dial"`
	First  int `json:"first"`
	Events int `json:"events"`
}

// floodOrder opens as many connections to URL as there were in the storm; each is sent Bytes bytes.
type floodOrder struct {
	openOrder

	Bytes int `json:"bytes"`
}

// pullOrder makes every member send a message, and wait until it has been sent Bytes bytes of frames beside the
// echo.
type pullOrder struct {
	Bytes int `json:"bytes"`
}

// stormed is the time until the last member had everything, and each member's time from its first attempt to
// connect.
type stormed struct {
	Took  time.Duration   `json:"took"`
	Each  []time.Duration `json:"each"`
	Frame int             `json:"frame"` // bytes of an event's frame, with its header: of the first, or the mean of all
}

// startMembers starts the process, without members.
func startMembers(ctx context.Context, program string) (*members, error) {
	arrivals, told, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the members: %w", err)
	}
	c, err := startChild(ctx, "the members' process", program, []*os.File{told}, "bench", "members")
	_ = told.Close()
	if err != nil {
		_ = arrivals.Close()
		return nil, err
	}
	return &members{child: c, ask: json.NewEncoder(c.in), hear: json.NewDecoder(c.out), arrivals: arrivals}, nil
}

func (m *members) stop() {
	m.child.stop()
	_ = m.arrivals.Close()
}

// do has the members execute an order and waits for the answer. with and result may be nil.
func (m *members) do(ctx context.Context, what command, with, result any) error {
	raw, err := json.Marshal(with)
	if err != nil {
		return fmt.Errorf("telling the members to %s: %w", what, err)
	}
	if err := m.ask.Encode(request{what, raw}); err != nil {
		return m.lost(ctx, err)
	}
	var a answer
	if err := m.hear.Decode(&a); err != nil {
		return m.lost(ctx, err)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("reading what the members answer to %s: %w", what, err)
	}
	return nil
}

const (
	arrivalSize = 8   // an arrival is the number of messages that all members have, big endian
	arrivalRoom = 512 // the most that are read at once
)

// arrived waits until the members report that more messages have arrived at all of them, and returns how many have
// in this run.
func (m *members) arrived(ctx context.Context, room *[arrivalRoom * arrivalSize]byte) (int, error) {
	n, err := m.arrivals.Read(room[:]) // each was written at once, so none is cut
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, errors.New("a message has not arrived at all members in time")
		}
		return 0, m.lost(ctx, err)
	}
	most := uint64(0)
	for at := 0; at+arrivalSize <= n; at += arrivalSize { // two may have overtaken each other
		most = max(most, binary.BigEndian.Uint64(room[at:]))
	}
	return int(most), nil
}
