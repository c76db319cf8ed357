package signalr_test

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// Whatever a client acknowledges, it is sent again what it has not received, or its connection ends with an error.
func TestAcknowledgementsThatCannotBe(t *testing.T) {
	t.Parallel()
	const sent = 4
	m := message("M", `"x"`)
	ends := func(p *peer) {
		p.t.Helper()
		require.JSONEq(p.t, closedWithError, p.read())
	}
	repeated := func(from int64) func(*peer) {
		return func(p *peer) {
			p.t.Helper()
			p.write(strings.TrimSuffix(nothing, "\x1e"))
			p.readUntil(nothingResult) // so the acknowledgement has been handled, too
			require.NoError(p.t, p.conn.Close())
			p.dial()
			p.write(`{"type":9,"sequenceId":1}`)
			require.JSONEq(p.t, `{"type":9,"sequenceId":`+strconv.FormatInt(from, 10)+`}`, p.read())
			for range sent + 1 - from {
				require.Contains(p.t, p.read(), `"target":"M"`)
			}
			require.JSONEq(p.t, nothingResult, p.read())
		}
	}
	for value, then := range map[string]func(*peer){
		"-9223372036854775808": repeated(2),
		"-9223372036854775807": repeated(2),
		"-9223372036854775805": repeated(2),
		"-4611686018427387904": repeated(2),
		"-1":                   repeated(2),
		"0":                    repeated(2),
		"-0":                   repeated(2),
		"1":                    repeated(2),
		"2":                    repeated(3),
		"3":                    repeated(4),
		"4":                    repeated(5),
		"5":                    ends,
		"4611686018427387904":  ends,
		"9223372036854775806":  ends,
		"9223372036854775807":  ends,
		"9223372036854775808":  ends,
		"18446744073709551615": ends,
		"18446744073709551617": ends,
		"1e400":                ends,
		"1.0":                  ends,
		"1.5":                  ends,
		"1e0":                  ends,
		`"1"`:                  ends,
		"null":                 ends,
		"true":                 ends,
		"[1]":                  ends,
		"{}":                   ends,
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			p, conn := f.connectStateful(t)
			for range sent {
				require.NoError(t, conn.Send(m))
				require.Contains(t, p.read(), `"target":"M"`)
			}
			p.write(`{"type":8,"sequenceId":1}`)
			p.write(`{"type":8,"sequenceId":` + value + `}`)
			then(p)
		})
	}
}

// A Sequence that would have invocations ignored that were never handled ends the connection. Each invocation that is
// sent is handled once, or the client is told.
func TestSequencesThatCannotBe(t *testing.T) {
	t.Parallel()
	const handled = 3
	for name, c := range map[string]struct {
		value   string
		resumed int  // the Sequence with which the client has come back before; 0: it has not
		again   bool // it comes back with this one
		fine    bool
	}{
		"in the middle, back":           {value: "1"},
		"in the middle, one back":       {value: "3"},
		"in the middle, what follows":   {value: "4", fine: true},
		"in the middle, ahead":          {value: "5"},
		"in the middle, least":          {value: "-9223372036854775808"},
		"in the middle, most":           {value: "9223372036854775807"},
		"in the middle, beyond most":    {value: "9223372036854775808"},
		"coming back, from the start":   {value: "1", again: true, fine: true},
		"coming back, from the end":     {value: "4", again: true, fine: true},
		"coming back, zero":             {value: "0", again: true},
		"coming back, ahead":            {value: "5", again: true},
		"coming back, least":            {value: "-9223372036854775808", again: true},
		"coming back, most":             {value: "9223372036854775807", again: true},
		"coming back, beyond most":      {value: "18446744073709551615", again: true},
		"coming back, a float":          {value: "1.0", again: true},
		"coming back, text":             {value: `"1"`, again: true},
		"coming back, behind the last":  {value: "2", resumed: 3, again: true},
		"coming back, the last":         {value: "3", resumed: 3, again: true, fine: true},
		"coming back, behind the least": {value: "3", resumed: 2, again: true, fine: true},
		"a second one, back":            {value: "1", resumed: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			p, _ := f.connectStateful(t)
			call := func(id int) string {
				return `{"type":1,"invocationId":"` + strconv.Itoa(id) + `","target":"Nothing","arguments":[]}`
			}
			for id := 1; id <= handled; id++ {
				p.write(call(id))
				p.readUntil(`{"type":3,"invocationId":"` + strconv.Itoa(id) + `","result":null}`)
			}
			comeBack := func(sequence string) {
				require.NoError(t, p.conn.Close())
				p.dial()
				p.write(`{"type":9,"sequenceId":` + sequence + `}`)
			}
			from := handled + 1
			if c.resumed > 0 {
				comeBack(strconv.Itoa(c.resumed))
				for id := c.resumed; id <= handled; id++ {
					p.write(call(id)) // a call that was handled
				}
				require.NoError(t, ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewPingFrame([]byte("seen")))))
				p.readUntil("seen")
			}
			if c.again {
				comeBack(c.value)
				from, _ = strconv.Atoi(c.value)
			} else {
				p.write(`{"type":9,"sequenceId":` + c.value + `}`)
			}
			if !c.fine {
				p.readUntil(closedWithError)
				return
			}
			for id := from; id <= handled+1; id++ {
				p.write(call(id))
			}
			p.readUntil(`{"type":3,"invocationId":"4","result":null}`)
		})
	}
}

// The same numbers in MessagePack, where they have sizes and may be floats.
func TestNumbersOfStatefulReconnectInMessagePack(t *testing.T) {
	t.Parallel()
	number := func(prefix byte, bits uint64) []byte { return binary.BigEndian.AppendUint64([]byte{prefix}, bits) }
	for name, c := range map[string]struct {
		kind  byte
		value []byte
		fine  bool
	}{
		"ack least":             {8, number(0xd3, 1<<63), true},
		"ack -1":                {8, []byte{0xff}, true},
		"ack 0":                 {8, []byte{0}, true},
		"ack 0 in eight bytes":  {8, number(0xcf, 0), true},
		"ack of nothing":        {8, []byte{1}, false},
		"ack most":              {8, number(0xcf, math.MaxInt64), false},
		"ack beyond most":       {8, number(0xcf, 1<<63), false},
		"ack uint64":            {8, number(0xcf, math.MaxUint64), false},
		"ack float":             {8, number(0xcb, math.Float64bits(0)), false},
		"ack text":              {8, []byte{0xa1, '0'}, false},
		"ack nil":               {8, []byte{0xc0}, false},
		"sequence 1":            {9, []byte{1}, true},
		"sequence 1 as uint64":  {9, number(0xcf, 1), true},
		"sequence 0":            {9, []byte{0}, false},
		"sequence least":        {9, number(0xd3, 1<<63), false},
		"sequence most":         {9, number(0xcf, math.MaxInt64), false},
		"sequence beyond most":  {9, number(0xcf, 1<<63), false},
		"sequence float":        {9, number(0xcb, math.Float64bits(1)), false},
		"sequence text":         {9, []byte{0xa1, '1'}, false},
		"sequence is not there": {9, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			p := &peer{t: t, url: f.negotiateStateful(t), next: 1}
			p.dial()
			t.Cleanup(func() { _ = p.conn.Close() })
			p.write(`{"protocol":"messagepack","version":2}`)
			_, err := p.readFrame()
			require.NoError(t, err)
			f.opened(t)
			items := byte(2)
			if c.value == nil {
				items = 1
			}
			body := append([]byte{0x90 | items, c.kind}, c.value...)
			call := []byte("\x96\x01\x80\xa11\xa7Nothing\x90\x90")
			require.NoError(t, ws.WriteFrame(p.conn, ws.MaskFrame(ws.NewBinaryFrame(append(
				append([]byte{byte(len(body))}, body...),
				append([]byte{byte(len(call))}, call...)...,
			)))))
			answer, err := p.readFrame()
			require.NoError(t, err)
			kind := byte(3)
			if !c.fine {
				kind = 7
			}
			require.Equal(t, kind, answer[2], "%x", answer)
		})
	}
}
