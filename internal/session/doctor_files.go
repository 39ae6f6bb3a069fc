package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"keytender/callback"
	"keytender/internal/shown"
)

// checkPermissions wants our files and Claude Code's entry closed to others. Windows guards
// what lies in the profile by the profile's own rights.
func (d doctor) checkPermissions(context.Context, Status) []Check {
	const name = "permissions"
	const means = "another user of this machine could read the login, or put another one in its place"
	if runtime.GOOS == "windows" {
		if path := d.outsideProfile(); path != "" {
			return []Check{warn(name, path+" lies outside of your profile", "the permissions of its folder say who may read it",
				"set KEYTENDER_HOME to a folder below your profile, or look at who may read that one")}
		}
		return []Check{fine(name, "our files lie in your profile, which is closed to others")}
	}
	var checks []Check
	for _, l := range d.looseFiles() {
		checks = append(checks, warn(name, fmt.Sprintf("%s has mode %04o, so others may %s", l.path, l.mode, l.may()), means, "`keytender doctor --fix`, or "+l.repair()))
	}
	if checks == nil {
		return []Check{fine(name, "our files and Claude Code's entry are closed to others")}
	}
	return checks
}

type looseFile struct {
	path       string
	mode, want fs.FileMode
}

func (l looseFile) repair() string { return fmt.Sprintf("chmod %04o '%s'", l.want, l.path) }

func (l looseFile) may() string {
	switch {
	case l.mode&0o022 == 0:
		return "read it"
	case l.mode&0o044 == 0:
		return "write into it"
	}
	return "read it and write into it"
}

// outsideProfile names a place of ours that does not lie in the person's profile.
func (d doctor) outsideProfile() string {
	profile, err := os.UserHomeDir()
	if err != nil {
		return d.config.Places.State
	}
	for _, path := range []string{d.config.Places.State, d.config.Places.Credentials} {
		if below, err := filepath.Rel(profile, path); err != nil || !filepath.IsLocal(below) {
			return path
		}
	}
	return ""
}

// looseFiles lists what is open to others: ours, and Claude Code's entries with their
// folders. Such a folder may be read by others, but not written into.
func (d doctor) looseFiles() (loose []looseFile) {
	if runtime.GOOS == "windows" {
		return nil
	}
	seen := map[string]bool{}
	look := func(path string, want fs.FileMode) {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 || seen[path] {
			return
		}
		seen[path] = true
		if mode := info.Mode().Perm(); mode&0o077&^want != 0 {
			loose = append(loose, looseFile{path, mode, mode & want})
		}
	}
	p := d.config.Places
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
	if _, err := os.Stat(d.config.Places.State); errors.Is(err, fs.ErrNotExist) {
		return []Check{fine(name, "free")}
	}
	l := flock.New(path, flock.SetFlag(os.O_RDWR), flock.SetPermissions(0o600))
	defer l.Close()
	free, err := l.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Check{fine(name, "free")}
	case err != nil:
		return []Check{fail(name, path+" cannot be used: "+plain(err), "keytender can neither renew nor store anything", "look at the permissions of "+d.config.Places.State)}
	case !free:
		return []Check{warn(name, "another keytender is at work", "whatever renews or stores waits for it", "nothing, unless it is there in a minute still: the menu-bar app and `keytender token` take it for seconds")}
	}
	_ = l.Unlock()
	return []Check{fine(name, "free")}
}

func (d doctor) checkPort(ctx context.Context, _ Status) []Check {
	const name = "callback port"
	server, err := callback.Listen(ctx, callback.Config{Port: d.config.Port, Exact: true, State: rand.Text() + rand.Text()})
	if err != nil {
		return []Check{warn(name, err.Error(), "a sign-in takes another port by itself", "nothing; to have this one, stop that program or set KEYTENDER_PORT")}
	}
	_ = server.Close()
	return []Check{fine(name, "%d is free", d.config.Port)}
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
		checks = append(checks, warn(name, "tokens wait outside the store: "+strings.Join(found, ", "), "the store did not take them; they are used from there",
			"`keytender refresh` moves them in as soon as the store takes them"))
	}
	for _, path := range d.leftovers() {
		checks = append(checks, warn(name, path+" was left behind by a write that was cut off", "nobody reads it, and it may hold a token",
			"`keytender token` says whether the login works; then `keytender doctor --fix` moves it out of the way, and you may remove it"))
	}
	if checks == nil {
		return []Check{fine(name, "none: every token is in the store")}
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
			if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && !strings.Contains(path, asideInfix) && d.wall().Sub(info.ModTime()) > leftoverAge {
				paths = append(paths, path)
			}
		}
	}
	add(d.statePath("*.damaged"))
	add(d.statePath("*.tmp.*"))
	add(d.config.Places.Credentials + ".tmp.*")
	for _, dir := range d.knownEntries() {
		add(dir.File() + ".tmp.*")
	}
	return paths
}

// leastRoom is far more than our files need, and little enough to be a finding.
const leastRoom = 8 << 20

func (d doctor) checkDisk(context.Context, Status) []Check {
	const name = "disk"
	dirs := []string{d.config.Places.State}
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
			return []Check{fail(name, fmt.Sprintf("%d KiB are free where %s lies", free>>10, dir), "nothing is renewed while the new tokens might not be stored", "make room on that disk")}
		}
	}
	return []Check{fine(name, "there is room")}
}

// checkClock looks for what was written in the future, and for what the server's clock said
// at its last answer: a clock that is off misjudges every end of a token.
func (d doctor) checkClock(ctx context.Context, _ Status) []Check {
	const name = "clock"
	const means = "tokens are judged by this clock: they are renewed too late or too often"
	now := d.wall()
	hint := "set the clock in the system's date and time settings (on Linux `timedatectl set-ntp true`)"
	if now.Year() < 2025 {
		return []Check{fail(name, "it says "+now.Format(time.DateOnly), means, hint)}
	}
	if off, at, known := d.serverClock(); known {
		which := "ahead"
		if off > 0 {
			which = "behind"
		}
		return []Check{warn(name, "at the server's last answer ("+day(at)+") this clock was "+shown.Around(off)+" "+which, means, hint)}
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
		return []Check{warn(name, "it was put back: something was written "+shown.Around(ahead)+" ahead of now", means, hint)}
	}
	return []Check{fine(name, "%s", now.Local().Format("2006-01-02 15:04:05 MST"))}
}
