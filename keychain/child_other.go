//go:build !linux

package keychain

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

func thisProgram() (string, error) { return os.Executable() }

func platformReady() error { return nil }

// itemsOf needs no count: a name has one item here.
func itemsOf(string, string) (int, error) { return 1, nil }

func platformRefusal(err error) reply {
	// By number: Windows's texts are in the person's language.
	const (
		errorNoSuchLogonSession = syscall.Errno(1312) // over SSH or WinRM
		rpcBadStubData          = syscall.Errno(1783) // a blob that is refused for its size
	)
	switch {
	case runtime.GOOS != "windows":
	case errors.Is(err, errorNoSuchLogonSession):
		return reply{Error: "unavailable",
			Detail: "this kind of session has no Credential Manager (SSH and remote sessions have none)"}
	case errors.Is(err, rpcBadStubData):
		return reply{Error: "too-big"}
	}
	return reply{Error: "failed", Detail: "the system refused the call"}
}
