//go:build unix

package session

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup has a program end together with all that it started when its time is up, and
// whoever reads what it prints, too.
func ownGroup(cmd *exec.Cmd, out io.Closer) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = out.Close()
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
