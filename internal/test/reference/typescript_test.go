package reference_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
)

// typescriptOf is the type of a payload's field as clients receive it.
func typescriptOf(t *testing.T, v variant, f event.Field) string {
	t.Helper()
	switch f.Kind {
	case event.KindOne:
		if v.Form != "" && f.Name == "type" {
			return "'" + v.Form + "'"
		}
		return "'" + strings.Join(f.Values, "' | '") + "'"
	case event.KindTime:
		return "Timestamp"
	case event.KindUUID:
		return "UUID"
	case event.KindCount, event.KindAmount, event.KindNumber:
		return "number"
	case event.KindObject:
		return "Record<string, unknown>"
	case event.KindText, event.KindWord, event.KindShort:
		return "string"
	case event.KindMeasure:
		return "string | number"
	default:
		require.FailNow(t, "a kind without TypeScript", "%s", f.Kind)
		return ""
	}
}

func quoted(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	if text, ok := value.(string); ok {
		return "'" + text + "'"
	}
	return string(raw)
}

func compact(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, raw))
	return b.Bytes()
}

// interfaceName is the name of the object that clients of a variant receive.
func (v variant) interfaceName() string {
	if v.Type.Family() == event.Order {
		return "OrderStatusBroadcast"
	}
	if v.Form == "" {
		return string(v.Type)
	}
	var name strings.Builder
	for word := range strings.SplitSeq(v.Form, "-") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String() + strings.TrimPrefix(string(v.Type), "Admin")
}

// parameters are the parameters of a variant's handler.
func (v variant) parameters(t *testing.T) string {
	t.Helper()
	switch v.Type.Family() {
	case event.Order:
		return "order: OrderStatusBroadcast"
	case event.TeamCart:
		var parts []string
		for _, f := range v.fields() {
			parts = append(parts, f.Name+": "+typescriptOf(t, v, f))
		}
		return strings.Join(append(parts, "cursor?: CartCursor"), ", ")
	default:
		return "event: " + string(v.Type)
	}
}

// ownTypes are the declarations that come from no table.
const ownTypes = `/** In canonical lower case. */
export type UUID = string;

/** RFC 3339 in UTC: 2025-01-20T10:05:00Z. */
export type Timestamp = string;

/** What every Resume method returns. */
export interface ResumeResult {
  /** 'gap': nothing was replayed, because what lies between cannot be. Events come from now on; fetch the state anew. */
  status: 'resumed' | 'gap';
  /** How many events this call has sent. */
  replayed: number;
  /** The group's newest event at the moment of joining: the cursor to go on from. The all-zero UUID where the group has none. */
  lastEventId: UUID;
  /** That event's number within the group. */
  sequence: number;
}

/** Behind a team cart event's arguments, after ResumeCart(teamCartId, lastEventId, true). */
export interface CartCursor {
  eventId: UUID;
  sequence: number;
  occurredOnUtc: Timestamp;
}

export interface TokenRefreshed {
  expiresAt: Timestamp;
}

export interface ConnectionCount {
  connectionId: string;
  timestamp: Timestamp;
  connectionCount: number;
  /** By the hub's path. */
  hubs: Record<string, number>;
}

export interface TestReceived {
  timestamp: Timestamp;
  message: 'Test received';
  echo: string;
}

export interface ConnectionEstablished {
  connectionId: string;
  timestamp: Timestamp;
  message: string;
}

export interface HubErrorOccurred {
  type: 'error';
  message: string;
  timestamp: Timestamp;
}
`

const declarationsHead = `// Made from Herald's code by ` + "`make docs`" + `: copy this file, and do not change it. docs/events.md explains it.
import type { HubConnection } from '@microsoft/signalr';

`

// typedConnection makes SignalR's connection know a hub.
const typedConnection = `/**
 * SignalR's connection to a hub whose events and methods are known:
 *
 *   const connection = new HubConnectionBuilder().withUrl('/hubs/customer-orders').build() as CustomerOrdersConnection;
 *   connection.on('ReceiveOrderPlaced', (order) => console.log(order.status));
 */
export interface TypedConnection<Events, Methods> extends Omit<HubConnection, 'on' | 'off' | 'invoke' | 'send'> {
  on<E extends keyof Events & string>(event: E, handler: Handler<Events[E]>): void;
  off<E extends keyof Events & string>(event: E, handler?: Handler<Events[E]>): void;
  invoke<M extends keyof Methods & string>(method: M, ...args: Arguments<Methods[M]>): Promise<Result<Methods[M]>>;
  send<M extends keyof Methods & string>(method: M, ...args: Arguments<Methods[M]>): Promise<void>;
}
type Handler<F> = F extends (...args: infer A) => void ? (...args: A) => void : never;
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never[]) => infer R ? R : never;
`

// declarations is docs/herald.d.ts.
func declarations(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(declarationsHead + ownTypes)
	var done []string
	for _, v := range slices.Concat(variants(t, event.Order), variants(t, event.Admin)) {
		name := v.interfaceName()
		if slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		fmt.Fprintf(&b, "\nexport interface %s {\n", name)
		for _, m := range v.members(t) {
			null := ""
			if m.nullable {
				null = " | null"
			}
			fmt.Fprintf(&b, "  /** %s */\n  %s: %s%s;\n", m.description, m.name, m.typescript, null)
		}
		b.WriteString("}\n")
	}
	for _, typ := range event.Types() {
		var forms []string
		for _, form := range typ.Forms() {
			forms = append(forms, variant{typ, form}.interfaceName())
		}
		if len(forms) > 1 {
			fmt.Fprintf(&b, "\nexport type %s = %s;\n", typ, strings.Join(forms, " | "))
		}
	}
	for _, one := range allHubs {
		fmt.Fprintf(&b, "\n/** What %s sends. */\nexport interface %sEvents {\n", one.Path, one.Title)
		for _, m := range one.clientMethods(t) {
			fmt.Fprintf(&b, "  %s(%s): void;\n", m.name, m.parameters)
		}
		fmt.Fprintf(&b, "}\n\n/** What can be invoked on %s. */\nexport interface %sMethods {\n", one.Path, one.Title)
		for _, m := range one.methods {
			fmt.Fprintf(&b, "  /** %s */\n  %s(%s): %s;\n", m.about, m.name, m.parameters, m.result)
		}
		fmt.Fprintf(
			&b, "}\n\nexport type %sConnection = TypedConnection<%sEvents, %sMethods>;\n", one.Title, one.Title, one.Title,
		)
	}
	b.WriteString("\n" + typedConnection)
	b.WriteString(
		"\n/** What the REST API takes and answers: GET /openapi.json describes it. */\nexport namespace Rest {\n",
	)
	for i, s := range openAPI(t).Components.Schemas {
		if i > 0 {
			b.WriteString("\n")
		}
		if s.Value.Description != "" {
			fmt.Fprintf(&b, "  /** %s */\n", s.Value.Description)
		}
		if len(s.Value.Properties) > 0 {
			fmt.Fprintf(&b, "  interface %s {\n%s  }\n", s.Name, s.Value.body(t, "    "))
			continue
		}
		fmt.Fprintf(&b, "  type %s = %s;\n", s.Name, s.Value.typescript(t, "  "))
	}
	b.WriteString("}\n")
	return b.String()
}

// clientMethods are all client methods of a hub, each name once.
func (h hub) clientMethods(t *testing.T) (all []clientMethod) {
	t.Helper()
	for _, v := range h.variants(t) {
		m := clientMethod{name: v.Type.Method(), parameters: v.parameters(t)}
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	for _, m := range h.others() {
		all = append(all, clientMethod{name: m.name, parameters: m.parameters})
	}
	return all
}

// modules is where TypeScript and SignalR's client are installed.
const modules = "../../../examples/node_modules"

// messages is a program made of the very messages that clients receive, as far as its types allow them.
func messages(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("import type * as Herald from './herald';\n")
	n := 0
	list := func(of hub, name string, arguments []json.RawMessage) {
		n++
		fmt.Fprintf(
			&b, "export const message%d: Parameters<Herald.%sEvents['%s']> = [%s];\n", n, of.Title, name,
			bytes.Join(raws(arguments), []byte(", ")),
		)
	}
	for _, one := range allHubs {
		for _, v := range one.variants(t) {
			for _, full := range []bool{true, false} {
				for shape := range v.Type.Shapes() {
					inv := v.invocation(t, full, event.Shape(shape))
					list(one, inv.Method, inv.Arguments)
				}
			}
		}
		for _, m := range one.others() {
			list(one, m.name, []json.RawMessage{json.RawMessage(m.example)})
		}
	}
	fmt.Fprintf(&b, "export const resumed: Herald.ResumeResult = %s;\n", exampleResult(t))
	return b.String()
}

func raws(all []json.RawMessage) (bytes [][]byte) {
	for _, one := range all {
		bytes = append(bytes, one)
	}
	return bytes
}

// compile runs the TypeScript compiler over files in their own folder, with docs/herald.d.ts beside them.
func compile(t *testing.T, files map[string]string) (complaints string, err error) {
	t.Helper()
	compiler, err := filepath.Abs(modules + "/typescript/bin/tsc")
	require.NoError(t, err)
	_, err = os.Stat(compiler)
	require.NoError(t, err, "TypeScript is not installed: run `make test`, or `npm ci` in examples")
	installed, err := filepath.Abs(modules)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(installed, filepath.Join(dir, "node_modules")))
	files["herald.d.ts"] = declarations(t)
	args := []string{
		compiler, "--strict", "--noEmit", "--target", "ES2022", "--module", "ESNext", "--moduleResolution", "bundler",
		"--lib", "ES2022,DOM", "--types", "node",
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		args = append(args, name)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The declarations fit SignalR's client, and every message that Herald's own code makes of the examples.
//
// Acceptance: A-525.
func TestTheDeclarationsFitWhatIsSent(t *testing.T) {
	t.Parallel()
	handlers, err := os.ReadFile("testdata/handlers.ts")
	require.NoError(t, err)
	complaints, err := compile(t, map[string]string{"messages.ts": messages(t), "handlers.ts": string(handlers)})
	require.NoError(t, err, complaints)
	complaints, err = compile(t, map[string]string{
		"wrong.ts": "import type { ResumeResult } from './herald';\nexport const wrong: ResumeResult = { status: 'resumed', replayed: '1' };\n",
	})
	require.Error(t, err, "the compiler finds what does not fit")
	require.Contains(t, complaints, "wrong.ts")
}

// The examples are compiled as strictly as a reader's own code may be.
//
// Acceptance: A-525.
func TestTheExamplesCompile(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "node", "node_modules/typescript/bin/tsc", "-p", ".")
	cmd.Dir = "../../../examples"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
