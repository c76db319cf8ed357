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

// members is the process that holds the clients of a bench, as the bench sees it. The process reads one JSON object a line, does
// what it says and answers with one; the messages that have arrived at all members are told beside that, on a pipe of their own.
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

// command names what the members can be told.
type command string

const (
	openAll      command = "open"      // openOrder → taken: connect more members, up to the handshake
	subscribeAll command = "subscribe" // → taken: SubscribeToOrder, each to its own order
	rest         command = "rest"      // read from now on whatever comes, and forget it
	cut          command = "cut"       // end all connections at once, as a network does that goes down
	countAll     command = "count"     // countOrder: of members that count, begin a run
	openStuck    command = "stick"     // openOrder: connect one more member that never reads
	closeStuck   command = "unstick"   // end it
	invokeAll    command = "invoke"    // invokeOrder → invoked: call as fast as answers come
	joinAll      command = "join"      // ResumeOrder from now on; the answer must name the order's first event
	storm        command = "storm"     // stormOrder → stormed: all come back and resume
	flood        command = "flood"     // floodOrder → stormed: the storm's baseline
	replay       command = "replay"    // stormOrder → stormed: all resume at once, on the connections that they have
	pull         command = "pull"      // pullOrder → stormed: the replay's baseline
)

// client is who a member is and what it follows.
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

// countOrder begins a run of messages, each one frame of Size bytes, at most Window outstanding. First is the first of them.
type countOrder struct {
	Size   int    `json:"size"`
	Window int    `json:"window"`
	First  []byte `json:"first"`
}

// invokeOrder has every member send the frames of Requests over and over, at most Window of them without their answer. The answers must
// be those of Replies, in order.
type invokeOrder struct {
	Window   int           `json:"window"`
	Duration time.Duration `json:"duration"`
	Requests [][]byte      `json:"requests"` // frames of one size
	Replies  [][]byte      `json:"replies"`  // frames of one size, as many
}

type invoked struct {
	Invocations int           `json:"invocations"`
	Took        time.Duration `json:"took"`
}

// stormOrder has all members resume behind event First-1 of their orders; they must be sent Events events, numbered from First.
type stormOrder struct {
	Dial   int `json:"dial"`
	First  int `json:"first"`
	Events int `json:"events"`
}

// floodOrder has as many connections opened to URL as there were in the storm, which are sent Bytes bytes.
type floodOrder struct {
	openOrder

	Bytes int `json:"bytes"`
}

// pullOrder has every member say something, and wait until it has been sent Bytes bytes of frames beside the echo.
type pullOrder struct {
	Bytes int `json:"bytes"`
}

// stormed is how long it took until the last one had everything, and each from its first attempt to connect.
type stormed struct {
	Took  time.Duration   `json:"took"`
	Each  []time.Duration `json:"each"`
	Frame int             `json:"frame"` // bytes of an event's frame, with its header: of the first, or of all together by their number
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

// do has the members do something and waits until it is done. with and result may be nil.
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
	arrivalRoom = 512 // as many are read at once at most
)

// arrived waits until the members tell that more messages have arrived at all of them, and returns how many have in this run.
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
