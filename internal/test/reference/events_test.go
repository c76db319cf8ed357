package reference_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

var update = flag.Bool("update", false, "write the documents instead of comparing with them")

// document compares a document with the committed file, or writes it.
func document(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(committed), text, "%s is not what the code says: run `make docs` and commit it", path)
}

// Acceptance: A-524.
func TestTheEventsReference(t *testing.T) {
	t.Parallel()
	document(t, "../../../docs/events.md", eventsReference(t))
}

// Acceptance: A-525.
func TestTheDeclarations(t *testing.T) {
	t.Parallel()
	document(t, "../../../docs/herald.d.ts", declarations(t))
}

func exampleResult(t *testing.T) string {
	t.Helper()
	raw, err := json.Marshal(
		broadcast.Result{Status: "resumed", Replayed: 3, LastEventID: exampleEvent, Sequence: exampleSequence},
	)
	require.NoError(t, err)
	return string(raw)
}

// eventsReference is docs/events.md.
func eventsReference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(eventsHead)
	for _, one := range allHubs {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", one.Path, one.groups(), one.who(), one.opens())
	}
	b.WriteString(policies())
	for _, one := range allHubs {
		fmt.Fprintf(&b, "### %s\n\n| method | returns | |\n|---|---|---|\n", one.Path)
		for _, m := range one.methods {
			fmt.Fprintf(
				&b, "| `%s(%s)` | `%s` | %s |\n", m.name, strings.ReplaceAll(m.parameters, "|", `\|`),
				strings.TrimPrefix(m.result, "Rest."), m.about,
			)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, resumes, exampleResult(t))
	b.WriteString(refusals)
	orderEvents(t, &b)
	cartEvents(t, &b)
	adminEvents(t, &b)
	b.WriteString(publishHead)
	payloads(t, &b)
	b.WriteString(functionsChapter(t))
	b.WriteString(tableChapter(t))
	b.WriteString(restHead)
	b.WriteString(restChapter(t))
	b.WriteString(typescriptTail)
	return b.String()
}

func orderEvents(t *testing.T, b *strings.Builder) {
	t.Helper()
	all := variants(t, event.Order)
	b.WriteString("### Order events\n\n| published as | clients' method | groups |\n|---|---|---|\n")
	for _, v := range all {
		var groups []string
		for _, g := range v.groups(t) {
			groups = append(groups, fmt.Sprintf("`%s:{id}`", g.Kind()))
		}
		fmt.Fprintf(b, "| `%s` | `%s(order)` | %s |\n", v.Type, v.Type.Method(), strings.Join(groups, ", "))
	}
	b.WriteString("\nThe groups are those of the event's audience: `Customer`, `Restaurant` or `Both`. " +
		"They all have one payload:\n\n")
	memberTable(t, b, all[0])
	fence(t, b, string(all[0].invocation(t, true, event.Plain).Arguments[0]))
}

func cartEvents(t *testing.T, b *strings.Builder) {
	t.Helper()
	b.WriteString("### Team cart events\n\nTo the group `teamcart:{id}`. They have positional arguments.\n\n" +
		"| published as | clients' method | example |\n|---|---|---|\n")
	var cursor string
	for _, v := range variants(t, event.TeamCart) {
		inv := v.invocation(t, true, event.Plain)
		var parameters []string
		for _, f := range v.fields() {
			parameters = append(parameters, f.Name+": "+typescriptOf(t, v, f))
		}
		example := "no arguments"
		if len(inv.Arguments) > 0 {
			example = "`" + string(joined(inv.Arguments)) + "`"
		}
		fmt.Fprintf(b, "| `%s` | `%s(%s)` | %s |\n", v.Type, inv.Method, strings.Join(parameters, ", "), example)
		with := v.invocation(t, true, event.WithCursor)
		require.Len(t, with.Arguments, len(inv.Arguments)+1)
		cursor = string(with.Arguments[len(inv.Arguments)])
	}
	b.WriteString(
		"\nAfter `ResumeCart(teamCartId, lastEventId, true)` each has one argument more, which says which event it is:\n\n",
	)
	fence(t, b, cursor)
	b.WriteString(
		"Ask for it only with handlers that take it: clients for .NET and Java drop, without a word, an event that has more arguments than the handler.\n\n",
	)
}

func joined(all []json.RawMessage) []byte {
	var b []byte
	for i, one := range all {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, one...)
	}
	return b
}

func adminEvents(t *testing.T, b *strings.Builder) {
	t.Helper()
	b.WriteString("### Admin events\n\nThe clients' method has the event's name, and one argument.\n\n")
	for _, v := range variants(t, event.Admin) {
		title := string(v.Type)
		if v.Form != "" {
			title += ", " + v.Form
		}
		fmt.Fprintf(b, "#### %s\n\nTo the group `%s`.\n\n", title, v.groups(t)[0])
		memberTable(t, b, v)
		fence(t, b, string(v.invocation(t, true, event.Plain).Arguments[0]))
	}
	b.WriteString(
		"#### Beside the events\n\nThe admin hub also invokes these of its caller. They are no events: they have no id and are not replayed.\n\n| method | | example |\n|---|---|---|\n",
	)
	for _, one := range allHubs {
		for _, m := range one.others() {
			fmt.Fprintf(b, "| `%s` | %s | `%s` |\n", m.name, m.about, m.example)
		}
	}
	b.WriteString("\n")
}

// memberTable lists the members of an object that clients are sent.
func memberTable(t *testing.T, b *strings.Builder, v variant) {
	t.Helper()
	b.WriteString("| field | type | |\n|---|---|---|\n")
	for _, m := range v.members(t) {
		null := ""
		if m.nullable {
			null = ", or null"
		}
		fmt.Fprintf(b, "| `%s` | `%s`%s | %s |\n", m.name, strings.ReplaceAll(m.typescript, "|", `\|`), null, m.description)
	}
	b.WriteString("\n")
}

// fence shows an example, one member a line.
func fence(t *testing.T, b *strings.Builder, example string) {
	t.Helper()
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, []byte(example), "", "  "))
	fmt.Fprintf(b, "```json\n%s\n```\n\n", &pretty)
}

// payloads describe what a producer writes.
func payloads(t *testing.T, b *strings.Builder) {
	t.Helper()
	told := map[string]bool{}
	for _, v := range slices.Concat(variants(t, event.Order), variants(t, event.TeamCart), variants(t, event.Admin)) {
		title := fmt.Sprintf("`%s`", v.Type)
		switch {
		case v.Type.Family() == event.Order:
			title = "Every order event"
		case v.Form != "":
			title += ", " + v.Form
		}
		if told[title] {
			continue
		}
		told[title] = true
		fields := v.Type.Fields()
		fields = slices.DeleteFunc(fields, func(f event.Field) bool { return f.Form != "" && f.Form != v.Form })
		if len(fields) == 0 {
			fmt.Fprintf(b, "%s takes no fields: `{}`.\n\n", title)
			continue
		}
		fmt.Fprintf(b, "%s:\n\n| field | | what it takes | |\n|---|---|---|---|\n", title)
		for _, f := range fields {
			need := "required"
			if f.Optional {
				need = "may be null or missing"
			}
			wanted := f.Wanted()
			if v.Form != "" && f.Name == "type" {
				wanted = v.Form
			}
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, need, wanted, f.Description)
		}
		b.WriteString("\n")
		fence(t, b, string(v.payload(true)))
	}
}

// The examples of payloads pass the outbox's own checks, with all fields and with only the required ones, and fail
// if a required one is missing.
//
// Acceptance: A-524.
func TestTheExamplesArePublished(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(t)
	for _, family := range []event.Family{event.Order, event.TeamCart, event.Admin} {
		for _, v := range variants(t, family) {
			insert := func(payload json.RawMessage) error {
				e := v.event(t, true)
				var resource, restaurant, customer, audience any
				if family != event.Admin {
					resource = e.ResourceID
				}
				if family == event.Order {
					restaurant, customer, audience = e.RestaurantID, e.CustomerID, e.Audience
				}
				_, err := pool.Exec(
					t.Context(), `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, audience, payload)
					VALUES ($1, $2, $3, $4, $5, $6)`, e.Type, resource, restaurant, customer, audience, payload)
				return err
			}
			require.NoError(t, insert(v.payload(true)), "%v", v)
			require.NoError(t, insert(v.payload(false)), "%v", v)
			for _, f := range v.fields() {
				var fields map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(v.payload(false), &fields))
				if delete(fields, f.Name); f.Optional {
					continue
				}
				without, err := json.Marshal(fields)
				require.NoError(t, err)
				require.ErrorContains(t, insert(without), f.Name, "%v without %s", v, f.Name)
			}
		}
	}
}
