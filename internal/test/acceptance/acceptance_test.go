package acceptance_test

import (
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const tableFile = "testdata/acceptance.md"

// repository is the repository's root.
func repository() fs.FS { return os.DirFS("../../..") }

// check returns every disagreement between the table and the tests below root.
func check(t *testing.T, root fs.FS) []string {
	t.Helper()
	table, err := fs.ReadFile(root, tableFile)
	require.NoError(t, err)
	rows, wrong := readTable(string(table))
	tests, bad, err := readTests(root)
	require.NoError(t, err)
	return append(append(wrong, bad...), compare(rows, tests)...)
}

func TestEveryRowHasATestThatCarriesItsNumber(t *testing.T) {
	t.Parallel()
	require.Empty(t, strings.Join(check(t, repository()), "\n"))
	table, err := fs.ReadFile(repository(), tableFile)
	require.NoError(t, err)
	rows, _ := readTable(string(table))
	require.Greater(t, len(rows), 400, "the table has been read")
}

// A minimal repository, with one of everything that the checks read.
func small() map[string]string {
	return map[string]string{
		tableFile: "| id | source | what must hold | tests |\n|---|---|---|---|\n" +
			"| A-001 | d: s | One. | `internal/a TestOne`; `internal/a TestTwo` (the half) |\n" +
			"| A-002 | d: s | Two \\| three. | `internal/a TestTwo` |\n" +
			"| ~~A-003~~ | d: s | Given up. | |\n" +
			"| A-004 | d: s | Four. | advice |\n" +
			"| A-005 | d: s | Five. | later: when it is time |\n" +
			"| A-006 | d: s | Six. | `internal/test/conformance TestConformance/error/seven, eight` |\n",
		"internal/a/a_test.go": "package a\n\n// TestOne is the first.\n//\n// Acceptance: A-001.\nfunc TestOne(t *testing.T) {}\n\n" +
			"// Acceptance: A-001,\n// A-002.\nfunc TestTwo(t *testing.T) {}\n\nfunc TestThree(t *testing.T) {}\n",
		casesList:                        "import { aboutErrors } from './cases/errors.mjs';\n\nconst groups = {\n  error: aboutErrors,\n};\n",
		casesFolder + "cases/errors.mjs": "export const aboutErrors = [\n  // Acceptance: A-006.\n  ['seven, eight', async (t) => {\n  }],\n];\n",
	}
}

func TestEachKindOfMistakeIsFound(t *testing.T) {
	t.Parallel()
	const table, goFile, cases = tableFile, "internal/a/a_test.go", casesFolder + "cases/errors.mjs"
	for name, test := range map[string]struct{ file, replace, by, want string }{
		"nothing": {},
		"a test that does not exist": {
			table, "a TestOne", "a TestZero", "A-001 names `internal/a TestZero`, which does not exist",
		},
		"a test of another package": {
			table, "a TestOne", "b TestOne", "A-001 names `internal/b TestOne`, which does not exist",
		},
		"a case that does not exist": {
			table, "seven, eight", "nine",
			"A-006 names `internal/test/conformance TestConformance/error/nine`, which does not",
		},
		"a row that says nothing of tests": {table, "advice", "", "A-004 has no test"},
		"a row that says something else":   {table, "advice", "perhaps", `A-004 names no test at "perhaps"`},
		"later without a reason":           {table, "later: when it is time", "later:", "A-005 names no test"},
		"a hole":                           {table, "| A-004 | d: s | Four. | advice |\n", "", "A-004 is missing"},
		"a number that is there twice":     {table, "| A-005 |", "| A-004 |", "A-004 is there twice"},
		"a struck number that is given":    {table, "| A-004 |", "| A-003 |", "A-003 is there twice"},
		"a number that is none":            {table, "| A-004 |", "| B-4 |", `"B-4" is not the number of a row`},
		"a row without a text":             {table, "Four.", "", "A-004 has no source or says nothing"},
		"a cell too many":                  {table, `\| three`, "| three", "5 cells instead of 4"},
		"a test that is named twice": {
			table, "`internal/a TestTwo` |", "`internal/a TestTwo`; `internal/a TestTwo` |",
			"A-002 names `internal/a TestTwo` twice",
		},
		"a test without the number": {
			goFile, "A-001,\n// A-002.", "A-002.", "A-001 names `internal/a TestTwo`, which does not carry that number",
		},
		"a case without the number": {
			cases, "  // Acceptance: A-006.\n", "",
			"A-006 names `internal/test/conformance TestConformance/error/seven, eight`, which does not carry",
		},
		"a number that is no row": {
			goFile, "A-002", "A-009", "`internal/a TestTwo` carries A-009, which is no row",
		},
		"the number of a struck row": {
			goFile, "A-002", "A-003", "`internal/a TestTwo` carries A-003, which is no row",
		},
		"a row that does not know": {
			goFile, "A-001.", "A-001, A-002.", "`internal/a TestOne` carries A-002, whose row does not name it",
		},
		"a number for advice": {
			goFile, "A-001.", "A-001, A-004.", "`internal/a TestOne` carries A-004, whose row does not name it",
		},
		"a number that is carried twice": {goFile, "A-001.", "A-001, A-001.", "`internal/a TestOne` carries A-001 twice"},
		"malformed numbers":              {goFile, "A-001.", "A-001 and A-002", "malformed numbers"},
		"numbers on something else": {
			goFile, "func TestOne", "func testOne", "numbers that no test function carries",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := small()
			require.Contains(t, files[test.file], test.replace)
			files[test.file] = strings.Replace(files[test.file], test.replace, test.by, 1)
			wrong := strings.Join(check(t, copied(files)), "\n")
			if test.want == "" {
				require.Empty(t, wrong)
			}
			require.Contains(t, wrong, test.want)
		})
	}
}

func copied(files map[string]string) fs.FS {
	root := fstest.MapFS{}
	for name, text := range maps.All(files) {
		if name != "" {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return root
}
