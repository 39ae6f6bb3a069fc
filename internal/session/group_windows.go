package session

import (
	"io"
	"os/exec"
)

// ownGroup has whoever reads what the program prints end with it, and no window open for it.
func ownGroup(cmd *exec.Cmd, out io.Closer) {
	cmd.SysProcAttr = sameWindow()
	cmd.Cancel = func() error {
		err := cmd.Process.Kill()
		_ = out.Close()
		return err
	}
}
