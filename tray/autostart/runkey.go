package autostart

import "strings"

// The registry keys of Windows, below HKEY_CURRENT_USER, and our value in both.
const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
	runName     = "Keytender"
)

// runCommand is the command line of the value. A path on Windows holds no quote.
func runCommand(program string) string { return `"` + program + `"` }

// runProgram returns the program of a command line.
func runProgram(command string) string {
	command = strings.TrimSpace(command)
	if rest, quoted := strings.CutPrefix(command, `"`); quoted {
		program, _, _ := strings.Cut(rest, `"`)
		return program
	}
	program, _, _ := strings.Cut(command, " ")
	return program
}

// approved reads what the task manager notes when a person turns an entry off there:
// an odd first byte.
func approved(note []byte) bool { return len(note) == 0 || note[0]&1 == 0 }
