package dirlock

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// birthTime tells when path was made; the zero time where the file system does not.
func birthTime(path string, _ fs.FileInfo) time.Time {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 || st.Btime.Sec == 0 {
		return time.Time{}
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
}

// processStart is the process's start in clock ticks since boot: field 22 of its stat
// line, counted behind the name, which may hold anything. Empty when not known.
func processStart(pid int) string {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// processDomain names the machine and the space of process numbers the way Claude
// Code does; empty when it cannot be told.
func processDomain() (domain, space string) {
	machine, err := os.ReadFile("/etc/machine-id")
	if err != nil || len(bytes.TrimSpace(machine)) == 0 {
		return "", ""
	}
	numbers, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", ""
	}
	host, err := os.Hostname()
	if err != nil {
		return "", ""
	}
	return "linux:" + string(bytes.TrimSpace(machine)) + ":" + numbers, host + "#" + numbers
}

func processGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// notes: the holder of the locks can be named beside them.
const notes = true

// renameNew puts a directory in a place where nothing stands.
func renameNew(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}

// OwnerNote is where the holder of the renewal locks names itself: beside the lock in
// the client's own format, which was looked up on Linux alone.
func OwnerNote(beside, _ string) string { return beside }
