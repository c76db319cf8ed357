package torture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/yummyzoom/herald/internal/event"
)

// cartOrigin is the field in which every team cart event carries its origin. Only clients whose event type has the
// field receive it.
const cartOrigin = "userId"

// carrier is where one form of an admin event carries its origin: in each of its texts, or else in its first two
// numbers, the chain and the version.
type carrier struct {
	form, selector string
	fields         []string // one text, or two numbers
	payload        string   // the published payload, with placeholders for chain, version and both
}

// The placeholders in a payload: for the origin, and for its halves.
const (
	originMark  = "@origin"
	chainMark   = `"@chain"`
	versionMark = `"@version"`
)

// carriers are those of a type's forms.
type carriers []carrier

// carriersOf are the admin events that are written: each that can carry its origin.
var carriersOf = func() map[event.Type]carriers {
	all := map[event.Type]carriers{}
	for _, t := range event.Types() {
		if t.Family() != event.Admin {
			continue
		}
		for _, form := range t.Forms() {
			if c, ok := carrierOf(t, form); ok {
				all[t] = append(all[t], c)
			}
		}
	}
	return all
}()

func carrierOf(t event.Type, form string) (c carrier, ok bool) {
	c.form = form
	var texts, numbers, members []string
	for i, f := range t.Fields() {
		value := f.Example
		switch {
		case form != "" && i == 0:
			c.selector, value = f.Name, `"`+form+`"`
		case f.Optional || f.Form != "" && f.Form != form:
			continue
		case f.Kind == event.KindText || f.Kind == event.KindWord:
			texts, value = append(texts, f.Name), `"`+originMark+`"`
		case f.Kind == event.KindCount || f.Kind == event.KindAmount || f.Kind == event.KindNumber:
			if value = "0"; len(numbers) < 2 {
				value = []string{chainMark, versionMark}[len(numbers)]
			}
			numbers = append(numbers, f.Name)
		}
		members = append(members, fmt.Sprintf("%q:%s", f.Name, value))
	}
	c.payload = "{" + strings.Join(members, ",") + "}"
	switch {
	case len(texts) > 0:
		c.fields = texts[:1]
	case len(numbers) > 1:
		c.fields = numbers[:2]
	}
	return c, len(c.fields) > 0
}

// read finds the origin in the event that a client received; empty: it carries none.
func (all carriers) read(object map[string]json.RawMessage) string {
	for _, c := range all {
		if c.selector != "" && textOf(object[c.selector]) != c.form {
			continue
		}
		parts := make([]string, 0, len(c.fields))
		for _, name := range c.fields {
			parts = append(parts, textOf(object[name]))
		}
		return strings.Join(parts, ".")
	}
	return ""
}

// originColumn is an expression for the origin of a row of the outbox, o.
func originColumn() string {
	var b strings.Builder
	b.WriteString("CASE")
	for _, t := range event.Types() {
		fmt.Fprintf(&b, " WHEN o.event_type = '%s' THEN ", t)
		switch t.Family() {
		case event.Order:
			b.WriteString("o.payload->>'orderNumber'")
		case event.TeamCart:
			b.WriteString("o.payload->>'" + cartOrigin + "'")
		default:
			var forms []string
			for _, c := range carriersOf[t] {
				forms = append(forms, "(o.payload->>'"+strings.Join(c.fields, "') || '.' || (o.payload->>'")+"')")
			}
			fmt.Fprintf(&b, "coalesce(%s)", strings.Join(append(forms, "NULL"), ", "))
		}
	}
	return b.String() + " END"
}

// typeList is the types of a family as a list in SQL.
func typeList(family event.Family) string {
	var names []string
	for _, t := range ofFamily(family) {
		names = append(names, "'"+string(t)+"'")
	}
	return strings.Join(names, ", ")
}

// ofFamily are the written types of a family.
func ofFamily(family event.Family) (types []event.Type) {
	for _, t := range event.Types() {
		if t.Family() == family && (family != event.Admin || len(carriersOf[t]) > 0) {
			types = append(types, t)
		}
	}
	return types
}

// adminGroupColumn is an expression for the group of an admin event of the outbox, o.
func adminGroupColumn() string {
	var b strings.Builder
	b.WriteString("CASE o.event_type")
	for _, t := range ofFamily(event.Admin) {
		group, _ := event.AdminGroup(t.Method())
		fmt.Fprintf(&b, " WHEN '%s' THEN '%s'", t, group)
	}
	return b.String() + " END"
}

// takes says whether events of a type take a field.
func takes(t event.Type, name string) bool {
	return slices.ContainsFunc(t.Fields(), func(f event.Field) bool { return f.Name == name })
}
