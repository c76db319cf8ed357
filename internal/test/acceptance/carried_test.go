package acceptance_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The cases of the published clients are listed in one file and written in others.
const (
	casesPackage  = "internal/test/conformance"
	casesFunction = "TestConformance"
	casesFolder   = casesPackage + "/client/"
	casesList     = casesFolder + "cases.mjs"
)

// carried is the numbers that each test carries. A test without numbers is in it, too.
type carried map[proof][]string

var (
	mark    = regexp.MustCompile(`(?m)^Acceptance:`)
	numbers = regexp.MustCompile(`^\s*A-\d{3,}(,\s+A-\d{3,})*\.\s*$`)
	number  = regexp.MustCompile(`A-\d{3,}`)
)

// readTests reads the tests below the repository's root, and the errors in their comments' numbers.
func readTests(root fs.FS) (tests carried, wrong []string, err error) {
	tests = carried{}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains([]string{"node_modules", "testdata", "bin"}, entry.Name()) ||
			strings.HasPrefix(entry.Name(), ".") && name != "."):
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		bad, err := readFile(root, name, tests)
		wrong = append(wrong, bad...)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	bad, err := readCases(root, tests)
	return tests, append(wrong, bad...), err
}

// readFile adds the test functions of one file.
func readFile(root fs.FS, name string, tests carried) (wrong []string, _ error) {
	source, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	ofTests := map[*ast.CommentGroup]bool{}
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name == "TestMain" ||
			!strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
			continue
		}
		list, ok := readNumbers(f.Doc.Text())
		if !ok {
			wrong = append(wrong, fmt.Sprintf(
				"%s: malformed numbers; write \"Acceptance: A-012, A-013.\" as the last paragraph", files.Position(f.Pos()),
			))
		}
		tests[proof{path.Dir(name), f.Name.Name, ""}] = list
		ofTests[f.Doc] = true
	}
	for _, comment := range file.Comments {
		if !ofTests[comment] && mark.MatchString(comment.Text()) {
			wrong = append(wrong, fmt.Sprintf("%s: numbers that no test function carries", files.Position(comment.Pos())))
		}
	}
	return wrong, nil
}

// readNumbers returns the numbers at the end of a comment; ok is false if they are malformed.
func readNumbers(comment string) (list []string, ok bool) {
	at := mark.FindStringIndex(comment)
	if at == nil {
		return nil, true
	}
	text := comment[at[1]:]
	return number.FindAllString(text, -1), numbers.MatchString(text)
}

var (
	caseImport = regexp.MustCompile(`(?m)^import \{ (about\w+) \} from '\./(cases/\w+\.mjs)';$`)
	caseGroup  = regexp.MustCompile(`(?m)^  (?:'([^']+)'|(\w+)): (about\w+),$`)
	caseName   = regexp.MustCompile(`^  \[(?:'([^']+)'|"([^"]+)"),`)
)

// readCases adds the cases of the published clients, which carry their numbers in the line comment above them.
func readCases(root fs.FS, tests carried) (wrong []string, _ error) {
	list, err := fs.ReadFile(root, casesList)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, m := range caseImport.FindAllStringSubmatch(string(list), -1) {
		files[m[1]] = m[2]
	}
	for _, m := range caseGroup.FindAllStringSubmatch(string(list), -1) {
		source, err := fs.ReadFile(root, casesFolder+files[m[3]])
		if err != nil {
			return nil, err
		}
		var comment strings.Builder
		for i, line := range strings.Split(string(source), "\n") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), "//"); ok {
				comment.WriteString(strings.TrimPrefix(text, " ") + "\n")
				continue
			}
			name := caseName.FindStringSubmatch(line)
			list, ok := readNumbers(comment.String())
			if at := fmt.Sprintf("%s:%d", files[m[3]], i); !ok || name == nil && len(list) > 0 {
				wrong = append(wrong, at+": malformed numbers, or numbers that no case carries")
			}
			if name != nil {
				tests[proof{casesPackage, casesFunction, m[1] + m[2] + "/" + name[1] + name[2]}] = list
			}
			comment.Reset()
		}
	}
	return wrong, nil
}

// compare returns the disagreements between the table and the tests.
func compare(rows []row, tests carried) (wrong []string) {
	named := map[string]map[proof]bool{}
	for _, r := range rows {
		named[r.number] = map[proof]bool{}
		for _, p := range r.proofs {
			list, ok := tests[p]
			switch {
			case !ok:
				wrong = append(wrong, fmt.Sprintf("%s names %s, which does not exist", r.number, p))
			case named[r.number][p]:
				wrong = append(wrong, fmt.Sprintf("%s names %s twice", r.number, p))
			case !slices.Contains(list, r.number):
				wrong = append(wrong, fmt.Sprintf("%s names %s, which does not carry that number", r.number, p))
			}
			named[r.number][p] = true
		}
	}
	for _, p := range slices.SortedFunc(
		maps.Keys(tests), func(a, b proof) int { return strings.Compare(a.String(), b.String()) },
	) {
		for i, n := range tests[p] {
			switch of, ok := named[n]; {
			case !ok:
				wrong = append(wrong, fmt.Sprintf("%s carries %s, which is no row", p, n))
			case !of[p]:
				wrong = append(wrong, fmt.Sprintf("%s carries %s, whose row does not name it", p, n))
			case slices.Contains(tests[p][:i], n):
				wrong = append(wrong, fmt.Sprintf("%s carries %s twice", p, n))
			}
		}
	}
	return wrong
}
