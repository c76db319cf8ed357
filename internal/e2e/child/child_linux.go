package child

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the process when the test process ends, however it does.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
