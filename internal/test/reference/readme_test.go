package reference_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/simulation"
)

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// The README's code is the code that the tests run.
//
// Acceptance: A-526.
func TestTheReadmeQuotesTheExamples(t *testing.T) {
	t.Parallel()
	readme := read(t, "../../../README.md")
	for _, name := range []string{"orders.mjs", "follow.mjs"} {
		require.Contains(
			t, readme, "```javascript\n"+read(t, "../../../examples/"+name)+"```", "quote examples/%s anew", name,
		)
	}
	require.Contains(t, readme, "```sh\nmake run ")
	require.Contains(
		t,
		readme,
		fmt.Sprintf("```sh\nbin/herald tail order:%s --url http://localhost:5006 --subject %s\n```",
			simulation.OrderID, simulation.Customer),
		"the command that `herald dev` prints",
	)
}

// Acceptance: A-527.
func TestTheDocumentsLinkWhatIsThere(t *testing.T) {
	t.Parallel()
	linked := map[string]bool{}
	pages, err := filepath.Glob("../../../docs/*.md")
	require.NoError(t, err)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, page := range append(
		pages, "../../../README.md", "../../../examples/README.md", "../../../sql/examples/README.md",
	) {
		text := read(t, page)
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			path, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			linked[target] = true
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links %s", page, found[1])
			if anchor != "" {
				require.Contains(t, anchors(read(t, target)), anchor, "%s links %s", page, found[1])
			}
		}
	}
	for _, page := range pages {
		require.True(t, linked[page], "no page links %s: add it to the README's table", page)
	}
}

// anchors are the anchors of a page's headings.
func anchors(text string) (all []string) {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}
