package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/postgres"
)

// checkSettings reports settings that are wrong, and settings that have no effect.
func (c *checkCmd) checkSettings(model *kong.Application, f *findings) {
	f.add(c.Check(), "settings")
	for _, name := range unread(os.Environ(), model) {
		f.warn("settings: %s", name)
	}
	if c.TokensInClear() {
		f.warn("tokens: %s", app.ClearAdvice)
	}
	if advice := app.OpenFilesAdvice(c.Server); advice != "" {
		f.warn("open files: %s", advice)
	}
}

// checkRights reports rights that a node lacks: it creates and drops partitions, which only the tables' owner may.
func (c *checkCmd) checkRights(ctx context.Context, pool *pgxpool.Pool, f *findings) {
	login, lacks, err := postgres.Lacking(ctx, pool)
	if err != nil || len(lacks) == 0 {
		f.add(err, "rights of %s", oneLine(login))
		return
	}
	for _, lack := range lacks {
		f.add(fmt.Errorf("%s: %s", oneLine(lack.What), lack.SQL), "rights of %s", oneLine(login))
	}
}

// unread returns the HERALD_ variables that no command reads, each with the variable that may have been meant.
func unread(environment []string, model *kong.Application) []string {
	var known []string
	for _, group := range allFlags(model.Node) {
		known = append(known, group.Envs...)
	}
	var names []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "HERALD_") || slices.Contains(known, name) {
			continue
		}
		text := name + " is set, and nothing reads it"
		if meant := closest(name, known); meant != "" {
			text += ": is " + meant + " meant?"
		}
		names = append(names, text)
	}
	slices.Sort(names)
	return names
}

// allFlags returns the flags of a command and of its subcommands.
func allFlags(node *kong.Node) []*kong.Flag {
	flags := slices.Clone(node.Flags)
	for _, child := range node.Children {
		flags = append(flags, allFlags(child)...)
	}
	return flags
}

// closest returns the name that differs in few letters; empty where there is none.
func closest(name string, known []string) string {
	const fewLetters = 3
	best, least := "", fewLetters+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's: the least number of letters to change, add or remove.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
