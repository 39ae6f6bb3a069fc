package testguard

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"
)

// apart is the variable that says on which network the tests run: unset until that is
// settled, then one of these. A person may set it to "no".
const (
	apart     = "KTTEST_APART"
	raiseLoop = "raise" // in a new network namespace whose loopback is still down
	isApart   = "yes"
	notApart  = "no" // on the machine's own network
)

// cannotRaise is the exit status of a test binary that could not make its namespace a
// network to test on.
const cannotRaise = 119

// Apart reports whether the tests have a network of their own: no other program holds
// a port there, and no host can be reached from it, whatever a test does.
func Apart() bool { return os.Getenv(apart) == isApart }

// goApart runs the whole test binary anew in a network namespace, where it may, and
// exits with its status. It returns in that new run, and where there is no such
// namespace: in most containers.
func goApart() {
	switch os.Getenv(apart) {
	case raiseLoop:
		raise()
	case isApart, notApart:
		return
	}
	// The kernel ends the child with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child := exec.Command("/proc/self/exe", os.Args[1:]...)
	child.Args[0] = os.Args[0]
	child.Env = append(os.Environ(), apart+"="+raiseLoop)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		// Only the owner of a namespace of users may make one of networks. Everybody keeps
		// their number in it, and the one right it takes to raise a loopback.
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		child.SysProcAttr.AmbientCaps = []uintptr{capNetAdmin}
	}
	dropped := make(chan os.Signal, 1)
	signal.Notify(dropped, os.Interrupt) // the terminal sends it to the child too
	err := child.Run()
	signal.Stop(dropped)
	if child.ProcessState == nil || child.ProcessState.ExitCode() == cannotRaise {
		fmt.Fprintf(os.Stderr, "testguard: on the machine's own network: no namespace is to be had here: %v\n", err)
		os.Setenv(apart, notApart)
		return
	}
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		fmt.Fprintln(os.Stderr, "testguard: the tests ended by a signal:", status.Signal())
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(child.ProcessState.ExitCode())
}

// raise brings the loopback up and starts the binary anew, without the right to do so.
func raise() {
	runtime.LockOSThread() // capabilities belong to a thread
	err := RaiseLoopback()
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prCapAmbient, prCapAmbientClearAll, 0, 0, 0,
		0); err == nil && errno != 0 && errno != syscall.EINVAL {
		err = errno
	}
	if err == nil {
		os.Setenv(apart, isApart)
		err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "testguard:", err)
	os.Exit(cannotRaise)
}

// Numbers of the kernel's that the standard library does not name: capabilities(7),
// prctl(2).
const (
	capNetAdmin          = 12
	prCapAmbient         = 47
	prCapAmbientClearAll = 4
)

// RaiseLoopback brings up the loopback of the network namespace that the calling process
// is in, by the interface's flags: netdevice(7).
func RaiseLoopback() error {
	ifreq := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(ifreq.name[:], "lo")
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("raising the loopback: %w", err)
	}
	defer syscall.Close(fd)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS,
		uintptr(unsafe.Pointer(&ifreq)))
	if errno != 0 {
		return fmt.Errorf("raising the loopback: %w", errno)
	}
	return nil
}
