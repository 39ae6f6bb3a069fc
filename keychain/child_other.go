//go:build !linux

package keychain

import (
	"os"
	"strings"
)

func thisProgram() (string, error) { return os.Executable() }

func platformReady() error { return nil }

func platformRefusal(err error) answer {
	// Windows reports these two by number: no logon session (over SSH or WinRM), and
	// a blob that the service's stub refuses for its size.
	text := err.Error()
	switch {
	case strings.Contains(text, "logon session"):
		return answer{Error: "unavailable", Detail: "this kind of session has no Credential Manager (SSH and remote sessions have none)"}
	case strings.Contains(text, "stub received bad data"):
		return answer{Error: "too-big"}
	}
	return answer{Error: "failed", Detail: "the system refused the call"}
}
