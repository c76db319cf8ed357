package acceptance_test

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// proof names a test: a function of a package, and for a case of a published client also the case's name.
type proof struct{ pkg, function, name string }

func (p proof) String() string {
	if p.name != "" {
		return fmt.Sprintf("`%s %s/%s`", p.pkg, p.function, p.name)
	}
	return fmt.Sprintf("`%s %s`", p.pkg, p.function)
}

// row is one statement of the table.
type row struct {
	number string
	text   string // the promise and its source
	proofs []proof
}

var (
	numberCell = regexp.MustCompile(`^(~~)?A-(\d{3,})(~~)?$`)
	proofCell  = regexp.MustCompile("^`([\\w./]+) ((?:Test|Fuzz)\\w+)(?:/([^`]+))?`(?: \\([^()]+\\))?(?:; |$)")
)

// readTable returns the table's rows, except struck out ones, and the table's errors.
func readTable(table string) (rows []row, wrong []string) {
	seen := map[int]int{}
	for i, line := range strings.Split(table, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| id |") {
			continue
		}
		at := fmt.Sprintf("line %d", i+1)
		cells := splitCells(line)
		if len(cells) != 4 {
			wrong = append(wrong, fmt.Sprintf("%s has %d cells instead of 4", at, len(cells)))
			continue
		}
		number := numberCell.FindStringSubmatch(cells[0])
		if number == nil || number[1] != number[3] {
			wrong = append(wrong, fmt.Sprintf("%s: %q is not the number of a row", at, cells[0]))
			continue
		}
		n, _ := strconv.Atoi(number[2])
		if seen[n]++; seen[n] == 2 {
			wrong = append(wrong, fmt.Sprintf("A-%s is there twice", number[2]))
		}
		if number[1] != "" {
			continue
		}
		r := row{number: "A-" + number[2], text: cells[1] + " | " + cells[2]}
		var err error
		if r.proofs, err = readProofs(cells[3]); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s %v", r.number, err))
		}
		if cells[1] == "" || cells[2] == "" {
			wrong = append(wrong, r.number+" has no source or says nothing")
		}
		rows = append(rows, r)
	}
	for n, found := 1, 0; found < len(seen); n++ {
		if seen[n] == 0 {
			wrong = append(wrong, fmt.Sprintf("A-%03d is missing; a row that is given up is struck out", n))
			continue
		}
		found++
	}
	return rows, wrong
}

// splitCells splits at the bars that are not escaped.
func splitCells(line string) []string {
	const escaped = "\x00"
	line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, escaped)
	cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
	for i, c := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(c, escaped, "|"))
	}
	return cells
}

// readProofs returns the tests that a cell names, or none if it says why there are none.
func readProofs(cell string) ([]proof, error) {
	if why, ok := strings.CutPrefix(cell, "later: "); cell == "advice" || ok && strings.TrimSpace(why) != "" {
		return nil, nil
	}
	var proofs []proof
	for rest := cell; rest != ""; {
		m := proofCell.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("names no test at %q, and is neither advice nor later", rest)
		}
		proofs = append(proofs, proof{m[1], m[2], m[3]})
		rest = rest[len(m[0]):]
	}
	if len(proofs) == 0 {
		return nil, errors.New("has no test, and is neither advice nor later")
	}
	return proofs, nil
}
