//go:build !linux

package e2e_test

import "os/exec"

// dieWithParent does nothing where the kernel offers nothing of the kind.
func dieWithParent(*exec.Cmd) {}
