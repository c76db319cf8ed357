package event

import (
	"slices"
	"strings"
)

// FieldKind is what a field of a payload has to be. The outbox judges by the same kinds (herald.payload_fields), and so does the REST API.
type FieldKind string

// The kinds.
const (
	KindText   FieldKind = "text"   // a string that says something
	KindWord   FieldKind = "word"   // one of at most MaxWord characters: a name, an id
	KindOne    FieldKind = "one"    // one of the field's Values
	KindTime   FieldKind = "time"   // RFC 3339 with an offset
	KindUUID   FieldKind = "uuid"   // in any of the forms that PostgreSQL reads, and not all zero
	KindCount  FieldKind = "count"  // a whole number from 0 that JavaScript keeps exactly
	KindAmount FieldKind = "amount" // a number from 0 that a 64-bit float holds
	KindNumber FieldKind = "number" // a number that a 64-bit float holds
	KindObject FieldKind = "object" // with whatever belongs to it
	KindShort  FieldKind = "short"  // where it is a string, of at most MaxWord characters; of any other type it may be anything
)

const (
	// MaxWord is how many characters a [KindWord] and a [KindShort] may have.
	MaxWord = 256
	// MaxCount is 2^53-1, the largest whole number that JavaScript keeps exactly.
	MaxCount = 1<<53 - 1
)

// Field is what an event type takes in its payload, by this name: names are matched exactly. What a payload holds beside its type's fields is the
// producer's.
type Field struct {
	Name        string // behind a dot that of a member of the object: data.metric
	Kind        FieldKind
	Optional    bool     // it may be missing, or null
	Values      []string // the allowed ones, of a [KindOne]
	Form        string   // of an [AdminNotification], whose field it is; empty: every one's
	Description string
}

// Wanted says in words what the field takes, for documents and for whom it has been refused.
func (f *Field) Wanted() string {
	switch f.Kind {
	case KindText:
		return "a string that is not empty"
	case KindWord:
		return "a string that is not empty, of at most 256 characters"
	case KindOne:
		return "one of " + strings.Join(f.Values, ", ")
	case KindTime:
		return "a time in RFC 3339 with an offset, such as 2025-01-20T10:05:00Z"
	case KindUUID:
		return "a UUID, and not the all-zero one"
	case KindCount:
		return "a whole number from 0 to 9007199254740991"
	case KindAmount:
		return "a number from 0 that a 64-bit float holds"
	case KindNumber:
		return "a number that a 64-bit float holds"
	case KindObject:
		return "an object"
	default:
		return "a string of at most 256 characters"
	}
}

// Fields returns what an event of type t takes in its payload, in the order in which its clients see it; those of an [AdminNotification] for each
// form in turn. Members of an object follow behind all others.
func (t Type) Fields() []Field {
	switch {
	case t.Family() == Order:
		return slices.Clone(orderTypeFields[:])
	case t.Family() == TeamCart:
		return slices.Clone(cartTypeFields[t])
	case t == AdminNotification:
		fields := []Field{notificationType}
		for _, form := range NotificationForms() {
			for _, f := range adminNotificationFields[form][1:] {
				f.Form = form
				fields = append(fields, f)
			}
		}
		return fields
	default:
		return slices.Concat(adminTypeFields[t], memberFields[t])
	}
}

var orderTypeFields = [...]Field{ //nolint:gochecknoglobals // a constant table
	{Name: "orderNumber", Kind: KindText, Description: "What people call the order."},
	{Name: "status", Kind: KindText, Description: "What has become of the order."},
	{Name: "lastUpdateTimestamp", Kind: KindTime, Optional: true, Description: "When the order changed last. Left out: when the event occurred."},
	{Name: "estimatedDeliveryTime", Kind: KindTime, Optional: true, Description: "When it is expected to be delivered."},
	{Name: "actualDeliveryTime", Kind: KindTime, Optional: true, Description: "When it arrived."},
	{Name: "deliveredAt", Kind: KindTime, Optional: true, Description: "When it was handed over."},
}

// cartTypeFields are those of the team cart events that take any.
var cartTypeFields = map[Type][]Field{ //nolint:gochecknoglobals // a constant table
	CartPaymentEvent: {
		{Name: "userId", Kind: KindText, Description: "Who pays."},
		{Name: "status", Kind: KindText, Description: "What has become of the payment."},
	},
	CartConverted: {{Name: "orderId", Kind: KindUUID, Description: "The order that the cart has become."}},
}

// adminTypeFields lists, for each admin event, the object's fields behind timestamp, in order.
var adminTypeFields = map[Type][]Field{ //nolint:gochecknoglobals // a constant table
	UserActivityUpdate: {
		{Name: "userId", Kind: KindWord, Description: "Who did it."},
		{Name: "action", Kind: KindWord, Description: "What they did."},
		{Name: "details", Kind: KindObject, Optional: true, Description: "Whatever belongs to it."},
	},
	AnalyticsUpdate: {
		{Name: "totalUsers", Kind: KindCount, Description: "Users in all."},
		{Name: "activeUsers", Kind: KindCount, Description: "Users who are active."},
		{Name: "websitesGenerated", Kind: KindCount, Description: "Websites that were generated."},
		{Name: "imagesGenerated", Kind: KindCount, Description: "Images that were generated."},
		{Name: "revenue", Kind: KindNumber, Description: "Revenue; negative where refunds prevail."},
	},
	UserCountUpdate: {
		{Name: "totalUsers", Kind: KindCount, Description: "Users in all."},
		{Name: "activeUsers", Kind: KindCount, Description: "Users who are active."},
		{Name: "newUsersToday", Kind: KindCount, Description: "Users who came today."},
	},
	GenerationMetricsUpdate: {
		{Name: "websitesGenerated", Kind: KindCount, Description: "Websites that were generated."},
		{Name: "imagesGenerated", Kind: KindCount, Description: "Images that were generated."},
		{Name: "failedGenerations", Kind: KindCount, Description: "Generations that failed."},
		{Name: "averageGenerationTime", Kind: KindAmount, Description: "How long one takes on average, in seconds."},
	},
	RevenueUpdate: {
		{Name: "dailyRevenue", Kind: KindNumber, Description: "Today's revenue; negative where refunds prevail."},
		{Name: "totalRevenue30d", Kind: KindNumber, Description: "That of the last 30 days."},
	},
	SystemAlert: {
		{Name: "type", Kind: KindOne, Values: AlertTypes(), Description: "What kind of alert it is."},
		{Name: "message", Kind: KindText, Description: "What administrators read."},
		{Name: "severity", Kind: KindWord, Optional: true, Description: "How severe it is. Left out: `severity` in `data`; otherwise it follows from the type."},
		{Name: "data", Kind: KindObject, Optional: true, Description: "Whatever belongs to it."},
	},
}

// memberFields are the members of objects that have a bound of their own.
var memberFields = map[Type][]Field{ //nolint:gochecknoglobals // a constant table
	SystemAlert: {
		{Name: "data.severity", Kind: KindShort, Optional: true, Description: "The alert's severity where that is left out beside type and message."},
		{Name: "data.metric", Kind: KindShort, Optional: true, Description: "What a performance alert has measured."},
		{Name: "data.threshold", Kind: KindShort, Optional: true, Description: "What it should not have exceeded."},
	},
}

// The two forms of an AdminNotification.
const (
	RoleAssignment = "role-assignment"
	SystemEvent    = "system-event"
)

// NotificationForms lists the valid types of an AdminNotification.
func NotificationForms() []string { return []string{RoleAssignment, SystemEvent} }

// AlertTypes lists the valid types of a SystemAlert.
func AlertTypes() []string { return []string{"info", "warning", "error", "success"} }

// Actions lists the valid actions of a role assignment.
func Actions() []string { return []string{"assigned", "revoked"} }

var notificationType = Field{ //nolint:gochecknoglobals // a constant table
	Name: "type", Kind: KindOne, Values: NotificationForms(), Description: "Which form the notification has.",
}

var adminNotificationFields = map[string][]Field{ //nolint:gochecknoglobals // a constant table
	RoleAssignment: {
		notificationType,
		{Name: "userId", Kind: KindWord, Description: "Whose role it is."},
		{Name: "roleName", Kind: KindWord, Description: "The role."},
		{Name: "action", Kind: KindOne, Values: Actions(), Description: "What has become of it."},
	},
	SystemEvent: {
		notificationType,
		{Name: "eventType", Kind: KindWord, Description: "What kind of event it is."},
		{Name: "description", Kind: KindText, Description: "What administrators read."},
		{Name: "data", Kind: KindObject, Optional: true, Description: "Whatever belongs to it."},
	},
}
