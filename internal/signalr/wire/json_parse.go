package wire

import (
	"strconv"
	"unicode/utf8"

	"github.com/yummyzoom/herald/internal/jsonscan"
)

// Parse follows JsonHubProtocol.ParseMessage: properties may come in any order, the last of two wins, unknown ones
// are skipped, and known ones must have their type.
func (JSON) Parse(record []byte) (Inbound, error) {
	if !utf8.Valid(record) {
		return Inbound{}, Malformedf("not UTF-8")
	}
	m := Inbound{Kind: -1}
	err := eachMember(record, m.set)
	switch {
	case err != nil:
		return Inbound{}, err
	case m.Kind == -1:
		return Inbound{}, Malformedf("missing required property 'type'")
	}
	return m, nil
}

func (m *Inbound) set(name string, raw []byte, k kind) error {
	switch name {
	case "type":
		n, err := strconv.ParseInt(string(raw), 10, 32)
		if err != nil || n < 0 {
			return Malformedf("property 'type' is not a message type")
		}
		m.Kind = int(n)
	case "invocationId":
		m.InvocationID = unquoteIf(raw, k)
		return expect(name, k, str)
	case "target":
		m.Target, m.HasTarget = unquoteIf(raw, k), true
		return expect(name, k, str)
	case "error":
		m.Err, m.HasError = unquoteIf(raw, k), true
		return expect(name, k, str)
	case "allowReconnect":
		return expect(name, k, boolean)
	case "arguments":
		m.Arguments = raw
		return expect(name, k, array)
	case "item":
		m.Item = raw
	case "result":
		m.Result = raw
	case "sequenceId":
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return Malformedf("property 'sequenceId' is not an integer")
		}
		m.SequenceID, m.HasSequence = n, true
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

func (m *Inbound) setStreams(raw []byte) error {
	m.StreamIDs = nil
	var wrong error
	eachElement(raw, maxDepth, func(id []byte) {
		if id[0] != byte(str) {
			wrong = Malformedf("property 'streamIds' has an element that is not a string")
			return
		}
		m.StreamIDs = append(m.StreamIDs, jsonscan.Unquote(id))
	})
	return wrong
}

func expect(name string, got, want kind) error {
	if got != want {
		return Malformedf("property '%s' has the wrong type", name)
	}
	return nil
}

func unquoteIf(raw []byte, k kind) string {
	if k != str {
		return ""
	}
	return jsonscan.Unquote(raw)
}

// HandshakeRequest is the first record of every connection. It is JSON whatever the protocol.
type HandshakeRequest struct {
	Protocol string
	Version  int
}

// ParseHandshake follows HandshakeProtocol.TryParseRequestMessage.
func ParseHandshake(record []byte) (HandshakeRequest, error) {
	if !utf8.Valid(record) {
		return HandshakeRequest{}, Malformedf("not UTF-8")
	}
	var r HandshakeRequest
	var named, numbered bool
	err := eachMember(record, func(name string, raw []byte, k kind) error {
		switch name {
		case "protocol":
			r.Protocol, named = unquoteIf(raw, k), true
			return expect("protocol", k, str)
		case "version":
			n, err := strconv.ParseInt(string(raw), 10, 32)
			if err != nil {
				return Malformedf("property 'version' is not an integer")
			}
			r.Version, numbered = int(n), true
		}
		return nil
	})
	switch {
	case err != nil:
		return HandshakeRequest{}, err
	case !named:
		return HandshakeRequest{}, Malformedf("missing required property 'protocol'")
	case !numbered:
		return HandshakeRequest{}, Malformedf("missing required property 'version'")
	}
	return r, nil
}
