package dirlock

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// birthTime tells when path was made.
func birthTime(_ string, info fs.FileInfo) time.Time {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Birthtimespec.Sec == 0 {
		return time.Time{}
	}
	return time.Unix(stat.Birthtimespec.Sec, stat.Birthtimespec.Nsec)
}

// processStart is when the process began, in microseconds; empty when not known.
func processStart(pid int) string {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return ""
	}
	start := p.Proc.P_starttime
	return strconv.FormatInt(start.Sec*1e6+int64(start.Usec), 10)
}

// processDomain names the machine in a form of our own: the note is read by us alone.
func processDomain() (domain, space string) {
	machine, err := unix.Sysctl("kern.uuid")
	if err != nil || machine == "" {
		return "", ""
	}
	host, err := os.Hostname()
	if err != nil {
		return "", ""
	}
	return "keytender:darwin:" + machine, host
}

func processGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// notes: the holder of the locks can be named beside them.
const notes = true

// renameNew puts a directory in a place where nothing stands.
func renameNew(from, to string) error { return unix.RenamexNp(from, to, unix.RENAME_EXCL) }

// OwnerNote is where the holder of the renewal locks names itself: in our own state,
// since how the client spells it here is not known.
func OwnerNote(_, own string) string { return own }
