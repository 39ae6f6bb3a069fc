package callback

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// holder names the program that listens on port, or returns "" when that cannot
// be seen: other people's processes are closed to us. It gives up after limit.
func holder(port int, limit time.Duration) string {
	deadline := time.Now().Add(limit)
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, inode := range listeningInodes(string(text), port) {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		descriptors, _ := os.ReadDir(process + "/fd")
		for _, d := range descriptors {
			if time.Now().After(deadline) {
				return ""
			}
			if target, err := os.Readlink(process + "/fd/" + d.Name()); err == nil && sockets[target] {
				name, _ := os.ReadFile(process + "/comm")
				return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), filepath.Base(process))
			}
		}
	}
	return ""
}

// listeningInodes finds the sockets that listen on port in a table of proc(5)'s
// /proc/net/tcp: local address, remote address, state, …, inode as tenth field.
func listeningInodes(table string, port int) []string {
	const listening = "0A"
	var inodes []string
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listening {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
}
