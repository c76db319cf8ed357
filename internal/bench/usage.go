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

// userHZ is what Linux counts CPU time in, towards processes: hundredths of a second on every architecture.
const userHZ = 100

// cpuTime returns the CPU time that a process has used so far, in user mode and in the kernel.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := readProc(pid, "stat")
	if err != nil {
		return 0, err
	}
	// proc(5): utime and stime are fields 14 and 15. The second field is the program's name in parentheses and may hold anything.
	const utime, stime, afterName = 14, 15, 3
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= stime-afterName {
		return 0, fmt.Errorf("reading the CPU time of process %d: too few fields in %q", pid, stat)
	}
	var ticks int64
	for _, field := range []int{utime, stime} {
		n, err := strconv.ParseInt(string(fields[field-afterName]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHZ, nil
}

// residentBytes returns how much memory of a process is in RAM.
func residentBytes(pid int) (int64, error) {
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
