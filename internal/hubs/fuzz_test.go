package hubs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// deepest is how deep a message's arguments may always nest; deeper ones may end the connection.
const deepest = 60

func depth(arguments string) (most int) {
	level, quoted := 0, false
	for i := 0; i < len(arguments); i++ {
		switch c := arguments[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '[' || c == '{'):
			level++
			most = max(most, level)
		case !quoted && (c == ']' || c == '}'):
			level--
		}
	}
	return most
}

// FuzzArguments calls each hub's methods with any JSON. The call is answered, by its name if it failed. An argument
// that is no group's name leads to no permission check and no membership. The connection lives on.
func FuzzArguments(f *testing.F) {
	const id = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	for i, arguments := range []string{
		``, `null`, `"` + id + `"`, `"` + strings.ToUpper(id) + `",null`,
		`"` + id + `","00000000-0000-0000-0000-000000000000"`,
		`"` + id + `' OR '1'='1"`, `"'; DROP TABLE herald.outbox; --","\u0000"`, `"{` + id + `}","urn:uuid:` + id + `"`,
		`"../../` + id + `"`,
		`"\r\nSet-Cookie: a=b","\ud800"`, `1e400`, `[[[[[[]]]]]]`, `{"orderId":"` + id + `"}`, `true,false,3,4,5`,
		strings.Repeat("[", 2000) + strings.Repeat("]", 2000), `"` + strings.Repeat("a", 20000) + `"`,
	} {
		for hub := range event.Hubs() {
			f.Add(uint8(hub), uint8(i), arguments)
		}
	}
	f.Fuzz(func(t *testing.T, hub, method uint8, arguments string) {
		const most = 24 << 10 // another test has longer messages
		if len(arguments) > most || !utf8.ValidString(arguments) || !json.Valid([]byte("["+arguments+"]")) {
			return // no message of the protocol
		}
		s := setup(t)
		s.guard.set(nil, func(g event.Group) {
			if read, err := event.ParseGroup(g.String()); err != nil || read != g {
				t.Errorf("somebody was asked about %q", g)
			}
		})
		all := s.hubs.Methods()
		paths := slices.Sorted(maps.Keys(all))
		path := paths[int(hub)%len(paths)]
		target := all[path][int(method)%len(all[path])]
		c := s.connect(path, auth.Grant{Subject: "u", Roles: []string{"Admin"}})
		// else the machine runs out of addresses after some ten thousand connections
		require.NoError(t, c.conn.(*net.TCPConn).SetLinger(0))
		c.send(fmt.Sprintf(`{"type":1,"invocationId":"fuzzed","target":%q,"arguments":[%s]}`, target, arguments))
		for {
			answer := c.record()
			if answer.Type == 1 {
				continue
			}
			if answer.Type == 7 && depth(arguments) > deepest {
				return // no message of the protocol
			}
			require.Equal(t, 3, answer.Type, "%+v", answer)
			require.Equal(t, "fuzzed", answer.InvocationID)
			if answer.Error != "" {
				require.Contains(t, answer.Error, target)
			}
			break
		}
		require.Contains(t, c.call("NoSuchMethod").Error, "NoSuchMethod")
	})
}
