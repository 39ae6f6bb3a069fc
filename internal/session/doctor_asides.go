package session

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// dropAsides removes, with the last account, what `doctor --fix` moved aside of ours, and what
// was left half written: it may hold tokens. A damaged entry of Claude Code's may hold logins of others too; it stays, and
// is named.
func (s *signingOut) dropAsides() {
	if len(s.l.Accounts) > 0 {
		return
	}
	patterns := []string{s.statePath("*" + asideInfix + "*"), s.config.Places.Credentials + "*" + asideInfix + "*"}
	for _, path := range []string{s.config.Places.Credentials, s.statePath("spill-*"), s.statePath("reserve-*")} {
		patterns = append(patterns, path+".tmp.*") // of a writer that was killed: we hold the lock
	}
	for _, dir := range s.knownEntries() {
		patterns = append(patterns, dir.File()+".tmp.*"+asideInfix+"*")
		kept, _ := filepath.Glob(dir.File() + asideInfix + "*")
		for _, path := range kept {
			s.steps = append(s.steps, Step{Text: "a damaged entry of Claude Code's that was moved aside stays, and may hold a token: " + path, Undone: true})
		}
	}
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.problems = append(s.problems, errors.New(path+": "+plain(err)))
			}
		}
	}
	if err := os.Remove(s.statePath(mendedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("how the last mending is taken back could not be removed", "reason", plain(err))
	}
}
