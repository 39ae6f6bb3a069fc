package claudecode

import "os/exec"

// ownGroup is not needed: there is no security(1) on Windows.
func ownGroup(*exec.Cmd) {}
