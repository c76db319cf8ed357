package signalr

import (
	"strconv"
	"unicode/utf8"

	"github.com/yummyzoom/herald/internal/jsonscan"
	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// parse follows JsonHubProtocol.ParseMessage: properties in any order, the last of two wins, unknown ones are skipped, known
// ones must have their type.
func (jsonProtocol) parse(record []byte) (inbound, error) {
	if !utf8.Valid(record) {
		return inbound{}, wire.Malformedf("not UTF-8")
	}
	m := inbound{kind: -1}
	err := eachMember(record, m.set)
	switch {
	case err != nil:
		return inbound{}, err
	case m.kind == -1:
		return inbound{}, wire.Malformedf("missing required property 'type'")
	}
	return m, nil
}

func (m *inbound) set(name string, raw []byte, k kind) error {
	switch name {
	case "type":
		n, err := strconv.ParseInt(string(raw), 10, 32)
		if err != nil || n < 0 {
			return wire.Malformedf("property 'type' is not a message type")
		}
		m.kind = int(n)
	case "invocationId":
		m.invocationID = unquoteIf(raw, k)
		return expect(name, k, str)
	case "target":
		m.target, m.hasTarget = unquoteIf(raw, k), true
		return expect(name, k, str)
	case "error":
		m.err, m.hasError = unquoteIf(raw, k), true
		return expect(name, k, str)
	case "allowReconnect":
		return expect(name, k, boolean)
	case "arguments":
		m.arguments = raw
		return expect(name, k, array)
	case "item":
		m.item = raw
	case "result":
		m.result = raw
	case "sequenceId":
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return wire.Malformedf("property 'sequenceId' is not an integer")
		}
		m.sequenceID, m.hasSequence = n, true
	case "streamIds":
		if err := expect(name, k, array); err != nil {
			return err
		}
		return m.setStreams(raw)
	case "headers":
		if err := expect(name, k, object); err != nil {
			return err
		}
		return eachMember(raw, func(_ string, _ []byte, k kind) error { return expect("headers", k, str) })
	}
	return nil
}

func (m *inbound) setStreams(raw []byte) error {
	m.streamIDs = nil
	var wrong error
	eachElement(raw, maxDepth, func(id []byte) {
		if id[0] != byte(str) {
			wrong = wire.Malformedf("property 'streamIds' has an element that is not a string")
			return
		}
		m.streamIDs = append(m.streamIDs, jsonscan.Unquote(id))
	})
	return wrong
}

func expect(name string, got, want kind) error {
	if got != want {
		return wire.Malformedf("property '%s' has the wrong type", name)
	}
	return nil
}

func unquoteIf(raw []byte, k kind) string {
	if k != str {
		return ""
	}
	return jsonscan.Unquote(raw)
}

// handshakeRequest is the first record of every connection. It is JSON whatever the protocol.
type handshakeRequest struct {
	protocol string
	version  int
}

// parseHandshake follows HandshakeProtocol.TryParseRequestMessage.
func parseHandshake(record []byte) (handshakeRequest, error) {
	if !utf8.Valid(record) {
		return handshakeRequest{}, wire.Malformedf("not UTF-8")
	}
	var r handshakeRequest
	var named, numbered bool
	err := eachMember(record, func(name string, raw []byte, k kind) error {
		switch name {
		case "protocol":
			r.protocol, named = unquoteIf(raw, k), true
			return expect("protocol", k, str)
		case "version":
			n, err := strconv.ParseInt(string(raw), 10, 32)
			if err != nil {
				return wire.Malformedf("property 'version' is not an integer")
			}
			r.version, numbered = int(n), true
		}
		return nil
	})
	switch {
	case err != nil:
		return handshakeRequest{}, err
	case !named:
		return handshakeRequest{}, wire.Malformedf("missing required property 'protocol'")
	case !numbered:
		return handshakeRequest{}, wire.Malformedf("missing required property 'version'")
	}
	return r, nil
}
