package transport

import (
	"bytes"
	"io"
)

// runWriter joins small pieces to writes of up to maxRun bytes, and writes larger pieces as they are. After an error
// it writes nothing.
type runWriter struct {
	to  io.Writer
	run []byte
	err error
}

func (w *runWriter) put(b []byte) {
	if len(w.run)+len(b) > maxRun {
		w.flush()
	}
	if len(b) > maxRun {
		w.send(b)
		return
	}
	w.run = append(w.run, b...)
}

func (w *runWriter) flush() {
	w.send(w.run)
	w.run = w.run[:0]
}

func (w *runWriter) send(b []byte) {
	if w.err == nil && len(b) > 0 {
		_, w.err = w.to.Write(b)
	}
}

const (
	dataField = "data: "
	lineEnd   = "\r\n"
)

// eventWriter writes events, each with one field, its data.
type eventWriter struct{ runWriter }

func (e *eventWriter) begin() { e.put([]byte(dataField)) }
func (e *eventWriter) end()   { e.put([]byte(lineEnd + lineEnd)) }

// data adds to the event's data. A line's end in the payload becomes a new data field, which the client makes \n
// again, as in ServerSentEventsMessageFormatter. So does a lone \r, which ends a line for the client, but not for the
// formatter.
func (e *eventWriter) data(payload []byte) {
	for {
		end := lineLength(payload)
		e.put(payload[:end])
		if end == len(payload) {
			return
		}
		skip := 1
		if bytes.HasPrefix(payload[end:], []byte(lineEnd)) {
			skip = len(lineEnd)
		}
		payload = payload[end+skip:]
		e.put([]byte(lineEnd + dataField))
	}
}

// lineLength returns where payload's first line ends.
func lineLength(payload []byte) int {
	end := len(payload)
	if i := bytes.IndexByte(payload, '\n'); i >= 0 {
		end = i
	}
	if i := bytes.IndexByte(payload[:end], '\r'); i >= 0 {
		end = i
	}
	return end
}
