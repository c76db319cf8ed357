//go:build !linux

package child

import "os/exec"

// dieWithParent does nothing where the kernel offers nothing of the kind.
func dieWithParent(*exec.Cmd) {}
