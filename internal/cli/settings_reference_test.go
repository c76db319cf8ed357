package cli

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/settings.md instead of comparing with it")

const settingsHead = `# Settings

Every setting is an environment variable and a flag of the same name: ` + "`HERALD_MAX_GROUPS` is `--max-groups`" + `. A flag goes before its variable. This page is made
from the program by ` + "`make docs`" + `, and a test holds it against what ` + "`--help`" + ` says.

## A node

What ` + "`herald serve`" + ` reads, and ` + "`herald dev`" + ` and ` + "`herald check`" + ` too.

| variable | default | |
|---|---|---|
`

const settingsRest = `
## Other commands

| variable | default | | read by |
|---|---|---|---|
`

// Every setting that a command reads is on the page, with its help text.
//
// Acceptance: A-548.
func TestTheSettingsReference(t *testing.T) {
	t.Parallel()
	const path = "../../docs/settings.md"
	text := settingsReference(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(committed), text, "docs/settings.md is not what --help says: run `make docs` and commit it")
}

// readSetting is a setting and the commands that read it.
type readSetting struct {
	flag     *kong.Flag
	commands []string
}

func settingsReference(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("herald"), vars())
	require.NoError(t, err)
	var order []string
	all := map[string]*readSetting{}
	var visit func(node *kong.Node, path string)
	visit = func(node *kong.Node, path string) {
		for _, f := range node.Flags {
			for _, name := range f.Envs {
				if all[name] == nil {
					all[name] = &readSetting{flag: f}
					order = append(order, name)
				}
				if path != "" {
					all[name].commands = append(all[name].commands, "`"+path+"`")
				}
			}
		}
		for _, child := range node.Children {
			if !child.Hidden {
				visit(child, strings.TrimSpace(path+" "+child.Name))
			}
		}
	}
	visit(parser.Model.Node, "")
	ofNode := func(name string) bool {
		return len(all[name].commands) == 0 || slices.Contains(all[name].commands, "`serve`")
	}
	var b strings.Builder
	b.WriteString(settingsHead)
	for _, name := range order {
		if ofNode(name) {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, defaultOf(all[name].flag), helpOf(all[name].flag))
		}
	}
	b.WriteString(settingsRest)
	for _, name := range order {
		if !ofNode(name) {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, defaultOf(all[name].flag), helpOf(all[name].flag),
				strings.Join(all[name].commands, ", "))
		}
	}
	return b.String()
}

func defaultOf(f *kong.Flag) string {
	if !f.HasDefault || f.Default == "" {
		return ""
	}
	return "`" + f.Default + "`"
}

// helpOf is the help without the default, which has a column of its own.
func helpOf(f *kong.Flag) string {
	text := f.Help
	if f.HasDefault {
		text = strings.ReplaceAll(text, " ("+f.Default+").", ".")
	}
	return strings.ReplaceAll(text, "|", `\|`)
}
