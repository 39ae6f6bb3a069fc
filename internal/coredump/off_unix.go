//go:build unix

package coredump

import "syscall"

// Off lowers this process's limit on core files to nothing, and with it that of every
// child. Handlers such as systemd-coredump obey the limit as well. That it cannot be
// lowered does not happen, and would be no reason to stop.
func Off() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
	}
}
