package program

import (
	"io"
	"os/exec"
)

// OwnGroup has whoever reads what the program prints, out or nil, end with it, and no window
// open for it.
func OwnGroup(cmd *exec.Cmd, out io.Closer) {
	cmd.SysProcAttr = SameWindow()
	cmd.Cancel = func() error {
		err := cmd.Process.Kill()
		if out != nil {
			_ = out.Close()
		}
		return err
	}
}
