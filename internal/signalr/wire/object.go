package wire

// Names says how members of the server's own objects are named over MessagePack: those of Go structs that methods
// return or signalr.Conn.SendValues is given, and those that an [Object] lists. Keys of maps and members of JSON text
// keep the names that their author gave them.
type Names int

const (
	// DotNetNames begin with a capital, where JSON's do not. MessagePackHubProtocol writes an object's members with the
	// names of its .NET properties, JsonHubProtocol turns those into camel case, and .NET clients match names exactly.
	DotNetNames Names = iota
	// JSONNames are those of the JSON.
	JSONNames
)

// Form says how a member's value is written where a protocol has other types than JSON.
type Form int

const (
	// AsItIs keeps the value of the JSON text.
	AsItIs Form = iota
	// Time is text in RFC 3339 in JSON, and a timestamp over MessagePack: .NET reads a DateTime from nothing else.
	Time
	// Number is an integer over MessagePack where its value is whole, also 7.0 or 7e2, and else a double. .NET's int and
	// long read integers alone; its double and JavaScript read integers as well.
	Number
)

// Member is a member of an [Object].
type Member struct {
	Name string // in JSON
	Form Form
}

// Object describes JSON objects that begin with members of the server's own. Others may follow, and are written as
// they are.
type Object struct {
	members []packedMember
}

const maxMembers = 64

type packedMember struct {
	Member

	dotNet string
	keys   [JSONNames + 1][]byte // by Names: the name as MessagePack
}

// NewObject describes objects with these members, 64 at most, in this order. An object need not have all of them.
func NewObject(members ...Member) *Object {
	if len(members) > maxMembers {
		panic("signalr: an object of more than 64 members")
	}
	o := &Object{members: make([]packedMember, len(members))}
	for i, m := range members {
		packed := packedMember{Member: m, dotNet: dotNetName(m.Name)}
		packed.keys[DotNetNames] = appendPackText(nil, packed.dotNet)
		packed.keys[JSONNames] = appendPackText(nil, m.Name)
		o.members[i] = packed
	}
	return o
}

// dotNetName returns the property from which .NET's camel case policy makes name.
func dotNetName(name string) string {
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		return name
	}
	return string(name[0]-'a'+'A') + name[1:]
}

// of returns the name of a member whose name in JSON is name.
func (n Names) of(name string) string {
	if n == DotNetNames {
		return dotNetName(name)
	}
	return name
}

// ownMembers finds the members of an Object in the order of the JSON text. A nil one has none.
type ownMembers struct {
	*Object

	names Names
	taken int    // how many of the Object's members are passed
	found uint64 // which of them the text has, a bit each
}

// next returns the Object's member of this name if it is still ahead. Behind the Object's last member all members of
// the text are others, whatever their names.
func (o *ownMembers) next(name []byte) *packedMember {
	if o == nil {
		return nil
	}
	for i := o.taken; i < len(o.members); i++ {
		if o.members[i].Name == string(name) {
			o.taken = i + 1
			o.found |= 1 << i
			return &o.members[i]
		}
	}
	return nil
}

// hides reports whether a member that is not the Object's would repeat the name of a member that is, and so replace
// the server's own value: readers take the last. Such a member is left out.
func (o *ownMembers) hides(name string) bool {
	if o == nil || o.names != DotNetNames || dotNetName(name) != name {
		return false
	}
	for i := range o.members {
		if o.found&(1<<i) != 0 && o.members[i].dotNet == name {
			return true
		}
	}
	return false
}
