package event

import (
	"fmt"
	"slices"
	"strconv"
)

// form is what a field of an admin event's payload has to be. The REST API asks for the same, and so does the outbox.
type form int

const (
	text     form = iota // a string that says something
	number               // a number
	optional             // an object, null, or missing
	word                 // a string that says something, null, or missing
)

type field struct {
	name string
	form form
}

// adminTypeFields lists, for each admin event, the object's fields behind timestamp, in order.
var adminTypeFields = map[Type][]field{ //nolint:gochecknoglobals // a constant table
	UserActivityUpdate: {{"userId", text}, {"action", text}, {"details", optional}},
	AnalyticsUpdate: {
		{"totalUsers", number}, {"activeUsers", number}, {"websitesGenerated", number}, {"imagesGenerated", number}, {"revenue", number},
	},
	UserCountUpdate: {{"totalUsers", number}, {"activeUsers", number}, {"newUsersToday", number}},
	GenerationMetricsUpdate: {
		{"websitesGenerated", number}, {"imagesGenerated", number}, {"failedGenerations", number}, {"averageGenerationTime", number},
	},
	RevenueUpdate: {{"dailyRevenue", number}, {"totalRevenue30d", number}},
	SystemAlert:   {{"type", text}, {"message", text}, {"severity", word}, {"data", optional}},
}

// The two forms of an AdminNotification.
const (
	RoleAssignment = "role-assignment"
	SystemEvent    = "system-event"
)

var adminNotificationFields = map[string][]field{ //nolint:gochecknoglobals // a constant table
	RoleAssignment: {{"type", text}, {"userId", text}, {"roleName", text}, {"action", text}},
	SystemEvent:    {{"type", text}, {"eventType", text}, {"description", text}, {"data", optional}},
}

// AlertTypes lists the valid types of a SystemAlert.
func AlertTypes() []string { return []string{"info", "warning", "error", "success"} }

// Actions lists the valid actions of a role assignment.
func Actions() []string { return []string{"assigned", "revoked"} }

// mostAdminFields has room for the fields of every admin event.
const mostAdminFields = 5

// adminObject is what an admin event's payload is read into.
type adminObject struct {
	fields []field
	values [mostAdminFields][]byte // of fields, as they stand in the payload; nil where missing
	extras bool                    // there is more
}

// value returns the value of the field of this name.
func (o *adminObject) value(name string) []byte {
	for i, f := range o.fields {
		if f.name == name {
			return o.values[i]
		}
	}
	return nil
}

// owns says whether a field of the payload has the name of one of the object's own.
func (o *adminObject) owns(name []byte) bool {
	switch string(name) {
	case "timestamp", "eventId", "sequence":
		return true
	default:
		return o.index(name) >= 0
	}
}

func (o *adminObject) index(name []byte) int {
	return slices.IndexFunc(o.fields, func(f field) bool { return f.name == string(name) })
}

// adminObject reads the payload, or says why it does not fit. Names are matched exactly.
func (e *Event) adminObject() (o adminObject, err error) {
	o.fields = adminTypeFields[e.Type]
	if e.Type == AdminNotification {
		kind := member(e.Payload, "type")
		var known bool
		if o.fields, known = adminNotificationFields[unquote(kind)]; !known {
			return o, e.unfit("type", kind, fmt.Sprintf("%q or %q", RoleAssignment, SystemEvent))
		}
	}
	s := scanPayload(e.Payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if i := o.index(name); i >= 0 {
			o.values[i] = value
		} else {
			o.extras = o.extras || !o.owns(name)
		}
	}
	if err := s.err(e); err != nil {
		return o, err
	}
	if kind := o.value("type"); e.Type == SystemAlert && !slices.Contains(AlertTypes(), unquote(kind)) {
		return o, e.unfit("type", kind, fmt.Sprintf("one of %q", AlertTypes()))
	}
	return o, nil
}

// checkAdmin is what an admin event has to be before it gets its place in the log.
func (e *Event) checkAdmin() error {
	o, err := e.adminObject()
	if err != nil {
		return err
	}
	for i, f := range o.fields {
		value := o.values[i]
		switch f.form {
		case text:
			if !isText(value) {
				return e.unfit(f.name, value, notEmpty)
			}
		case number:
			if !isNumber(value) {
				return e.unfit(f.name, value, "a number")
			}
		case optional:
			if !isNull(value) && value[0] != '{' {
				return e.unfit(f.name, value, "an object")
			}
		case word:
			if !isNull(value) && !isText(value) {
				return e.unfit(f.name, value, notEmpty)
			}
		}
	}
	if action := o.value("action"); e.Type == AdminNotification && action != nil && !slices.Contains(Actions(), unquote(action)) {
		return e.unfit("action", action, fmt.Sprintf("one of %q", Actions()))
	}
	return nil
}

func (l Logged) adminArguments(list *argumentList) error {
	o, err := l.adminObject()
	if err != nil {
		return err
	}
	b := appendTimestamp(append(list.begin(), `{"timestamp":`...), l.OccurredOn)
	for i, f := range o.fields {
		value := orNull(o.values[i])
		if f.form == word {
			value = severity(&o)
		}
		b = append(b, `,"`...)
		b = append(b, f.name...)
		b = append(b, `":`...)
		b = append(b, value...)
	}
	b = append(b, `,"eventId":"`...)
	b = appendUUID(b, l.ID)
	b = append(b, `","sequence":`...)
	b = strconv.AppendInt(b, l.Sequence, 10)
	if o.extras {
		b = appendExtras(b, l.Payload, o.owns)
	}
	list.end(append(b, '}'))
	return nil
}

// severity is that beside type and message where given, else data.severity, else what the alert's type implies.
func severity(o *adminObject) []byte {
	if given := o.value("severity"); isText(given) {
		return given
	}
	if given := member(o.value("data"), "severity"); isString(given) && len(given) > len(`""`) {
		return given
	}
	switch unquote(o.value("type")) {
	case "warning":
		return []byte(`"medium"`)
	case "error":
		return []byte(`"high"`)
	default:
		return []byte(`"low"`)
	}
}

// member returns the member of this name of an object, or nil for none and for what is no object.
func member(object []byte, wanted string) (found []byte) {
	s := scanUsed(object)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		if string(name) == wanted {
			found = value
		}
	}
	return found
}
