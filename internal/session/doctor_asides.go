package session

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/keychain/claudecode"
)

// liesIn reports whether a login of the account that is signed out lies in a damaged entry.
func (s *signingOut) liesIn(path string) bool {
	logins, _ := claudecode.Salvage(path)
	for i := range logins {
		f, known := s.l.Identify(pairOf(&logins[i].Login))
		if known && f.Relation == ledger.Current && (f.Chain.Account == s.account || f.Chain.Was == s.account) {
			return true
		}
	}
	return false
}

// dropAsides removes what a writer that was killed left half written (we hold the lock): it may
// hold tokens. With the last account goes what `doctor --fix` moved aside of ours, too. A damaged
// entry of Claude Code's may hold logins of others; it stays, and is named.
func (s *signingOut) dropAsides() {
	entries := s.knownEntries()
	for _, dir := range entries {
		atomicfile.DropReserved(dir.File())
	}
	if len(s.l.Accounts) > 0 {
		for _, dir := range entries {
			kept, _ := filepath.Glob(dir.File() + asideInfix + "*")
			for _, path := range kept {
				if s.liesIn(path) {
					s.undone(RemarkAsideStays, path)
				}
			}
		}
		return
	}
	patterns := []string{s.statePath("*" + asideInfix + "*"), s.config.Paths.Credentials + "*" + asideInfix + "*",
		s.config.Paths.Credentials + ".tmp.*", s.statePath("spill-*.tmp.*"), s.statePath(mendedFile)}
	for _, dir := range entries {
		patterns = append(patterns, dir.File()+".tmp.*"+asideInfix+"*", dir.File()+".room.*"+asideInfix+"*")
	}
	s.nameAsides()
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
				s.note(err)
			}
		}
	}
}

// nameAsides names the damaged entries that `doctor --fix` moved aside. They may hold logins of others.
func (s *signingOut) nameAsides() {
	for _, dir := range s.knownEntries() {
		kept, _ := filepath.Glob(dir.File() + asideInfix + "*")
		for _, path := range kept {
			s.undone(RemarkAsideStays, path)
		}
	}
}
