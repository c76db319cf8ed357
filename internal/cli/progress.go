package cli

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progressAfter is when a long command first reports its progress, and how often.
const progressAfter = time.Second

// progress reports on stderr the progress of a command that takes longer than a moment; on a terminal from the
// start.
type progress struct {
	out      io.Writer
	what     string
	of, done int
	told     time.Time
	begun    bool // a report was printed
}

func newProgress(out io.Writer, what string, of int) *progress {
	p := &progress{out: out, what: what, of: of, told: time.Now()}
	if of > 1 && isTerminal(out) {
		p.tell()
	}
	return p
}

// at takes how much has been done.
func (p *progress) at(done int) {
	p.done = done
	if time.Since(p.told) >= progressAfter {
		p.tell()
	}
}

// end prints the final count, if progress was reported before.
func (p *progress) end() {
	if p.begun {
		p.tell()
	}
}

func (p *progress) tell() {
	p.told, p.begun = time.Now(), true
	_, _ = fmt.Fprintf(p.out, "%s: %d of %d\n", p.what, p.done, p.of)
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
