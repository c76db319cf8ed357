package signalr

import (
	"encoding/json"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

type (
	// Message is an invocation of a client's method, encoded once for all the connections that it is sent to: see
	// [wire.Message].
	Message = wire.Message
	// Names says how members of the server's own objects are named over MessagePack: see [wire.Names].
	Names = wire.Names
	// Form says how a member's value is written where a protocol has other types than JSON: see [wire.Form].
	Form = wire.Form
	// Member is a member of an [Object].
	Member = wire.Member
	// Object describes JSON objects that begin with members of the server's own: see [wire.Object].
	Object = wire.Object
)

// How members are named, and written.
const (
	DotNetNames = wire.DotNetNames
	JSONNames   = wire.JSONNames

	AsItIs = wire.AsItIs
	Time   = wire.Time
	Number = wire.Number
)

// NewMessage returns an invocation of target without an id: see [wire.NewMessage].
func NewMessage(target string, args []json.RawMessage) *Message { return wire.NewMessage(target, args) }

// NewMessageOf is NewMessage for arguments that are appended: see [wire.NewMessageOf].
func NewMessageOf(target string, size int, o *Object, appendArguments func([]byte) ([]byte, error)) (*Message, error) {
	return wire.NewMessageOf(target, size, o, appendArguments)
}

// NewObject describes objects with these members: see [wire.NewObject].
func NewObject(members ...Member) *Object { return wire.NewObject(members...) }
