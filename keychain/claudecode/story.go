package claudecode

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"time"

	"keytender/internal/dirlock"
	"keytender/internal/pattern"
)

// What the client itself tells of how a login ended: its log, who holds its lock, and when
// it last wrote its entry.

// LogLine is a line of the client's own log that has to do with its login, and how often it
// stands there in a row.
type LogLine struct {
	At    time.Time // of the last one
	Text  string
	Times int
}

const (
	maxLogFiles = 5
	maxLogTail  = 256 << 10
)

var logLine = pattern.New(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) \[(?:ERROR|WARN|INFO)\] (.{1,300})$`)

var aboutLogin = pattern.New(
	`(?i)oauth|invalid_grant|not logged in|logged out|log(?:ged)? in again|credential|keychain|\.lock\b`)

// LogLines returns the last lines about its login that the client wrote into its log, which
// it keeps when it runs with --debug; oldest first.
func (d *Directory) LogLines(most int) []LogLine {
	paths, _ := filepath.Glob(filepath.Join(d.settingsDir, "debug", "*.txt"))
	sort.SliceStable(paths, func(i, j int) bool { return modified(paths[i]).After(modified(paths[j])) })
	var lines []LogLine
	for _, path := range paths[:min(len(paths), maxLogFiles)] {
		lines = append(lines, linesIn(path)...)
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].At.Before(lines[j].At) })
	lines = inRows(lines)
	return lines[max(0, len(lines)-most):]
}

func modified(path string) time.Time {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return time.Time{}
	}
	return info.ModTime()
}

func linesIn(path string) (lines []LogLine) {
	if modified(path).IsZero() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-maxLogTail), io.SeekStart)
	}
	scan := bufio.NewScanner(io.LimitReader(f, maxLogTail))
	scan.Buffer(nil, maxLogTail)
	for scan.Scan() {
		found := logLine().FindStringSubmatch(scan.Text())
		if found == nil || !aboutLogin().MatchString(found[2]) {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, found[1]); err == nil {
			lines = append(lines, LogLine{at, found[2], 1})
		}
	}
	return lines
}

// inRows makes one of equal lines that follow each other.
func inRows(lines []LogLine) (rows []LogLine) {
	for _, l := range lines {
		if last := len(rows) - 1; last >= 0 && rows[last].Text == l.Text {
			rows[last].At = l.At
			rows[last].Times++
			continue
		}
		rows = append(rows, l)
	}
	return rows
}

// LockHolder says who holds the client's renewal lock, or left it behind; "" when it is free.
func (d *Directory) LockHolder() string {
	info, err := os.Lstat(d.firstLock())
	if err != nil {
		return ""
	}
	since := "its last sign of life was on " + info.ModTime().Local().Format("2006-01-02 15:04:05 MST")
	owner, known := dirlock.ReadOwner(d.firstLock() + ".owner")
	switch {
	case !known:
		return "nobody left a name beside it; " + since
	case owner.Gone(d.firstLock(), info, owner.LockBirthtimeMs):
		return fmt.Sprintf("process %d took it and is gone; %s", owner.PID, since)
	}
	return fmt.Sprintf("process %d took it; %s", owner.PID, since)
}

// Written is when the entry's file was last written; zero where there is none.
func (d *Directory) Written() time.Time {
	info, err := os.Stat(d.file)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
