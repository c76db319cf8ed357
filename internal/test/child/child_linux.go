package child

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the process when the test process ends, however it does.
func dieWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
