package jobs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The database's clock decides what becomes of an event, when, and which nodes are alive. These functions read this
// machine's clock all the same, each for the reason given: only to measure how long something takes on this machine,
// by the monotonic clock. A function that is not listed fails the test. A reason of another kind must not be
// listed.
var readsTheNodesClock = map[string]string{
	"dbclock Clock.Read":          "how long the answer took",
	"dbclock Clock.Now":           "how long ago the database's was read; before that there is no other",
	"dbclock Clock.Age":           "how long ago",
	"dbclock Clock.Advanced":      "how long ago",
	"pass Memory.recall":          "how long the heads of groups are remembered",
	"nodes Journal.begin":         "how long ago an entry was broadcast, at the heartbeat",
	"nodes Journal.Record":        "likewise",
	"nodes queueJournal":          "likewise",
	"nodes Keys.reread":           "how long ago the keys were read for an id that is not known",
	"selfcheck Checker.Run":       "how long a run has taken",
	"selfcheck Checker.fullNodes": "how long it has waited for nodes",
	"retention Retention.Run":     "how often long work is told of",
	"retention progress.add":      "likewise",
	"relay Relay.pass":            "how long a batch took, and how long ago the one before was",
	"relay session.run":           "how long a relay rests, and lingers",
	"relay session.wait":          "how long wake-ups in vain are not heeded",
	"relay session.count":         "likewise",
	"relay outage.failed":         "how long the database has been away, for the log",
	"relay outage.over":           "likewise",
	"relay moment.now":            "how long ago this node looked",
	"app boundBodies":             "time-outs of sockets",
	"app boundAnswers":            "likewise",
	"app remembered.refresh":      "how long an answer is remembered",
	"app remembered.get":          "likewise",
	"app App.guard":               "how long a socket has waited for its token",
	"app boundAnswer":             "likewise",
	"app gate.ServeHTTP":          "what an answer says it was given at, as the API's does",
	"app App.Run":                 "how long this node has served",
	"app App.lookReady":           "how long ago this node looked",
	"broadcast Admission.Resume":  "how long a resume took",
}

func TestNothingThatConcernsEventsGoesByTheNodesClock(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, dir := range []string{
		"jobs", "outbox", "eventlog", "nodes", "retention", "selfcheck", "postgres/dbclock", "relay", "relay/pass", "app",
		"broadcast", "event",
	} {
		pkg := filepath.Base(dir)
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			require.NoError(t, err)
			for _, decl := range parsed.Decls {
				if name := pkg + " " + declared(decl); readsClock(decl) {
					found[name] = true
					require.Contains(t, readsTheNodesClock, name,
						"%s reads the node's clock: if only to measure on this machine, list it here with what; else ask the database",
						file)
				}
			}
		}
	}
	for name := range readsTheNodesClock {
		require.Contains(t, found, name, "it does not any more")
	}
}

// declared names a function or a method by its receiver's type.
func declared(decl ast.Decl) string {
	f, ok := decl.(*ast.FuncDecl)
	if !ok {
		return "a variable"
	}
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	return of.(*ast.Ident).Name + "." + f.Name.Name
}

func readsClock(decl ast.Decl) (reads bool) {
	ast.Inspect(decl, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := s.X.(*ast.Ident)
		if ok && of.Name == "time" && (s.Sel.Name == "Now" || s.Sel.Name == "Since" || s.Sel.Name == "Until") {
			reads = true
		}
		return true
	})
	return reads
}
