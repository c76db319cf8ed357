package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// UserHZ is the unit of CPU time that Linux shows to processes: hundredths of a second on every architecture.
const UserHZ = 100

// CPUTime returns the CPU time that a process has used so far, in user mode and in the kernel.
func CPUTime(pid int) (time.Duration, error) {
	s, err := readStat(pid)
	return s.own, err
}

// stat is the kernel's record of a process.
type stat struct {
	name     string
	parent   int
	own      time.Duration // CPU time
	children time.Duration // CPU time of children that have ended
}

func readStat(pid int) (stat, error) {
	raw, err := readProc(pid, "stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(pid, raw)
}

// parseStat parses the format of proc(5). The second field is the program's name in parentheses and may hold any
// character.
func parseStat(pid int, raw []byte) (stat, error) {
	const ppid, utime, stime, cutime, cstime, afterName = 4, 14, 15, 16, 17, 3
	begin, end := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	fields := bytes.Fields(raw[end+1:])
	if begin < 0 || end < begin || len(fields) <= cstime-afterName {
		return stat{}, fmt.Errorf("reading the CPU time of process %d: too few fields in %q", pid, raw)
	}
	var numbers [cstime + 1]int64
	for _, field := range []int{ppid, utime, stime, cutime, cstime} {
		n, err := strconv.ParseInt(string(fields[field-afterName]), 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
		}
		numbers[field] = n
	}
	ticks := func(n int64) time.Duration { return time.Duration(n) * time.Second / UserHZ }
	return stat{
		name: string(raw[begin+1 : end]), parent: int(numbers[ppid]),
		own: ticks(numbers[utime] + numbers[stime]), children: ticks(numbers[cutime] + numbers[cstime]),
	}, nil
}

// FamilyCPU returns the CPU time that a process and all its children have used so far, including ended children.
func FamilyCPU(parent int) (time.Duration, error) {
	s, err := readStat(parent)
	if err != nil {
		return 0, err
	}
	used := s.own + s.children
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("listing the processes: %w", err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		if s, err := readStat(pid); err == nil && s.parent == parent { // else it has just ended
			used += s.own
		}
	}
	return used, nil
}

// PeakResidentBytes returns the largest size of a process in RAM.
func PeakResidentBytes(pid int) (int64, error) {
	status, err := readProc(pid, "status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kilobytes, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
			}
			return kilobytes << 10, nil //nolint:mnd // bytes
		}
	}
	return 0, fmt.Errorf("reading the memory of process %d: there is no VmHWM in its status", pid)
}

// ResidentBytes returns the size of a process in RAM.
func ResidentBytes(pid int) (int64, error) {
	statm, err := readProc(pid, "statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(statm) // proc(5): size, resident, … in pages
	if len(fields) < 2 {          //nolint:mnd // the two above
		return 0, fmt.Errorf("reading the memory of process %d: too few fields in %q", pid, statm)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

var errNoProc = errors.New("this bench reads CPU time and memory of processes in /proc, which only Linux has")

func readProc(pid int, name string) ([]byte, error) {
	if runtime.GOOS != "linux" {
		return nil, errNoProc
	}
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + name)
	if err != nil {
		return nil, fmt.Errorf("reading what process %d uses: %w", pid, err)
	}
	return raw, nil
}

// PostgresRoot returns the parent of a session's process, if both are PostgreSQL's.
func PostgresRoot(session int) (int, error) {
	const name = "postgres"
	s, err := readStat(session)
	if err != nil {
		return 0, err
	}
	root, err := readStat(s.parent)
	if err != nil {
		return 0, err
	}
	if s.name != name || root.name != name {
		return 0, fmt.Errorf("process %d is %q, a child of %q", session, s.name, root.name)
	}
	return s.parent, nil
}
