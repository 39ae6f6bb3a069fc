//go:build unix

package program

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// OwnGroup has a program end together with all that it started when its time is up: a dialog
// would stand on, and a write come true late. Whoever reads what it prints ends too: that is
// out, or nil.
func OwnGroup(cmd *exec.Cmd, out io.Closer) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if out != nil {
			_ = out.Close()
		}
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
