package session

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"keytender/callback"
)

// checkPermissions wants our files and Claude Code's entry closed to others. Windows guards
// what lies in the profile by the profile's own permissions.
func (d doctor) checkPermissions(context.Context, Status) []Check {
	const name = "permissions"
	if runtime.GOOS == "windows" {
		if path := d.outsideProfile(); path != "" {
			return warn(name, FoundOutsideProfile, &Values{Path: path})
		}
		return fine(name, FoundInsideProfile, nil)
	}
	var checks []Check
	for _, l := range d.looseFiles() {
		checks = append(checks, warn(name, FoundModeLoose, &Values{Path: l.path, Mode: l.mode, Want: l.want})...)
	}
	if checks == nil {
		return fine(name, FoundModesFine, nil)
	}
	return checks
}

type looseFile struct {
	path       string
	mode, want fs.FileMode
}

// outsideProfile names a place of ours that does not lie in the person's profile.
func (d doctor) outsideProfile() string {
	profile, err := os.UserHomeDir()
	if err != nil {
		return d.config.Paths.State
	}
	for _, path := range []string{d.config.Paths.State, d.config.Paths.Credentials} {
		if below, err := filepath.Rel(profile, path); err != nil || !filepath.IsLocal(below) {
			return path
		}
	}
	return ""
}

// looseFiles lists what is open to others: ours, and Claude Code's entries with their
// folders. Such a folder may be read by others, but not written into. What is of another kind
// than it should be, say a folder in a file's place, is not ours to close.
func (d doctor) looseFiles() (loose []looseFile) {
	if runtime.GOOS == "windows" {
		return nil
	}
	seen := map[string]bool{}
	look := func(path string, want fs.FileMode) {
		kind := fs.FileMode(0)
		if want&0o100 != 0 {
			kind = fs.ModeDir
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Type() != kind || seen[path] {
			return
		}
		seen[path] = true
		if mode := info.Mode().Perm(); mode&0o077&^want != 0 {
			loose = append(loose, looseFile{path, mode, mode & want})
		}
	}
	p := d.config.Paths
	look(p.State, 0o700)
	if home := filepath.Dir(p.Credentials); oursAlone(p, home) {
		look(home, 0o700)
	}
	for _, path := range []string{p.Credentials, p.ConfigFile, p.Log} {
		look(path, 0o600)
	}
	entries, _ := os.ReadDir(p.State)
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			look(filepath.Join(p.State, entry.Name()), 0o600)
		}
	}
	for _, dir := range d.knownEntries() {
		look(dir.File(), 0o600)
		look(filepath.Dir(dir.File()), 0o755)
	}
	return loose
}

func (d doctor) checkOurLock(context.Context, Status) []Check {
	const name = "our lock"
	path := d.statePath("lock")
	if _, err := os.Stat(d.config.Paths.State); errors.Is(err, fs.ErrNotExist) {
		return fine(name, FoundOurLockFree, nil)
	}
	l := flock.New(path, flock.SetFlag(os.O_RDWR), flock.SetPermissions(0o600))
	defer l.Close()
	free, err := l.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fine(name, FoundOurLockFree, nil)
	case err != nil:
		return fail(name, FoundOurLockUnusable, &Values{Path: path, Reason: plain(err), Place: d.config.Paths.State})
	case !free:
		return warn(name, FoundOurLockBusy, nil)
	}
	_ = l.Unlock()
	return fine(name, FoundOurLockFree, nil)
}

func (d doctor) checkPort(ctx context.Context, _ Status) []Check {
	const name = "callback port"
	server, err := callback.Listen(ctx, callback.Config{Port: d.config.Port, Exact: true,
		State: rand.Text() + rand.Text()})
	if err != nil {
		return wrong(name, CheckWarn, FoundPortTaken, err)
	}
	_ = server.Close()
	return fine(name, FoundPortFree, &Values{Count: d.config.Port})
}

// checkLeftovers looks for what a process left behind that was ended in the middle.
func (d doctor) checkLeftovers(context.Context, Status) []Check {
	const name = "spill files"
	var found []string
	for _, pattern := range []string{"spill-*.json", "reserve-*.json"} {
		paths, _ := filepath.Glob(d.statePath(pattern))
		found = append(found, paths...)
	}
	var checks []Check
	if len(found) > 0 {
		checks = append(checks, warn(name, FoundSpillWaits, &Values{List: found})...)
	}
	for _, path := range d.leftovers() {
		checks = append(checks, warn(name, FoundLeftBehind, &Values{Path: path})...)
	}
	if checks == nil {
		return fine(name, FoundLeftoversNone, nil)
	}
	return checks
}

// leftoverAge is far longer than any write takes.
const leftoverAge = time.Hour

// leftovers are files that a write was to rename, of ours and of Claude Code's.
func (d doctor) leftovers() (paths []string) {
	add := func(pattern string) {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() &&
				!strings.Contains(path, asideInfix) && d.wall().Sub(info.ModTime()) > leftoverAge {
				paths = append(paths, path)
			}
		}
	}
	add(d.statePath("*.damaged"))
	add(d.statePath("*.tmp.*"))
	add(d.config.Paths.Credentials + ".tmp.*")
	for _, dir := range d.knownEntries() {
		add(dir.File() + ".tmp.*")
		add(dir.File() + ".room.*")
	}
	return paths
}

// leastRoom is far more than our files need, and little enough to be a finding.
const leastRoom = 8 << 20

func (d doctor) checkDisk(context.Context, Status) []Check {
	const name = "disk"
	dirs := []string{d.config.Paths.State}
	for _, dir := range d.knownEntries() {
		dirs = append(dirs, filepath.Dir(dir.File()))
	}
	for _, dir := range dirs {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) { // as much of it as there is
			if _, err := os.Stat(dir); err == nil {
				break
			}
		}
		if free, known := freeSpace(dir); known && free < leastRoom {
			return fail(name, FoundDiskFull, &Values{Count: int(free >> 10), Path: dir})
		}
	}
	return fine(name, FoundDiskFine, nil)
}

// checkClock looks for what was written in the future, and for what the server's clock said
// at its last response: a clock that is off misjudges every end of a token.
func (d doctor) checkClock(ctx context.Context, _ Status) []Check {
	const name = "clock"
	now := d.wall()
	if now.Year() < 2025 {
		return fail(name, FoundClockUnset, &Values{At: now})
	}
	if off, at, known := d.serverClock(); known {
		return warn(name, FoundClockOff, &Values{At: at, Limit: off})
	}
	newest := time.Time{}
	if records, err := d.History(); err == nil {
		for _, r := range records {
			if r.At.After(newest) {
				newest = r.At
			}
		}
	}
	if l, err := d.ledger(); err == nil {
		if c, err := d.vault(l).load(ctx, l.Choose(d.account)); err == nil && c.Issued.After(newest) {
			newest = c.Issued
		}
	}
	if ahead := newest.Sub(now); ahead > 5*time.Minute {
		return warn(name, FoundClockPutBack, &Values{Limit: ahead})
	}
	return fine(name, FoundClockFine, &Values{At: now})
}
