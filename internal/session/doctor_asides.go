package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain/claudecode"
)

// dropAsides removes what a writer that was killed left half written (we hold the lock): it may
// hold tokens. With the last account goes what `doctor --fix` moved aside of ours, too, unless a
// login of somebody else's lies there alone. A damaged entry of Claude Code's may hold logins of others.
func (s *signingOut) dropAsides(ctx context.Context) {
	entries := s.knownEntries()
	for _, dir := range entries {
		atomicfile.DropReserved(dir.File())
	}
	s.nameAsides(ctx)
	if len(s.l.Accounts) > 0 {
		return
	}
	patterns := []string{s.statePath("*" + asideInfix + "*"), s.config.Paths.Credentials + "*" + asideInfix + "*",
		s.config.Paths.Credentials + ".tmp.*", s.statePath("spill-*.tmp.*"), s.statePath(mendedFile)}
	for _, dir := range entries {
		patterns = append(patterns, dir.File()+".tmp.*"+asideInfix+"*", dir.File()+".room.*"+asideInfix+"*")
	}
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if s.named[path] {
				continue
			}
			if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
				s.note(err)
			}
		}
	}
}

// nameAsides names the damaged files that `doctor --fix` moved aside and in which a login stays: of the
// account, or, where that was the last, of whomever.
func (s *signingOut) nameAsides(ctx context.Context) {
	last := len(s.l.Accounts) == 0
	name := func(file string, stays func(path string) bool) {
		kept, _ := filepath.Glob(file + asideInfix + "*")
		for _, path := range kept {
			if stays(path) {
				s.named[path] = true
				s.undone(RemarkAsideStays, path)
			}
		}
	}
	name(s.config.Paths.Credentials, func(path string) bool { return holdsOneOf(path, s.staying(ctx)) })
	for _, dir := range s.knownEntries() {
		name(dir.File(), func(path string) bool { return last || holdsOneOf(path, s.staying(ctx)) })
	}
}

// staying are the pairs to look for in files that were moved aside: those of the account, or, where it
// was the last, those that lie nowhere else.
func (s *signingOut) staying(ctx context.Context) (pairs []ledger.Pair) {
	if len(s.l.Accounts) == 0 {
		return s.lostPairs(ctx)
	}
	for _, c := range s.l.Chains {
		if c.Account == s.account || c.Was == s.account {
			pairs = append(pairs, c.Current())
		}
	}
	return pairs
}

// holdsOneOf reports whether a token of one of the pairs stands in a damaged file.
func holdsOneOf(path string, pairs []ledger.Pair) bool {
	traces, _ := claudecode.Traces(path)
	return slices.ContainsFunc(traces, func(t secret.String) bool {
		print := t.Fingerprint()
		return slices.ContainsFunc(pairs, func(p ledger.Pair) bool { return print == p.Access || print == p.Refresh })
	})
}

// lostPairs are the displaced ones whose record is not there any more: it lay in a store that was damaged.
func (s *signingOut) lostPairs(ctx context.Context) (lost []ledger.Pair) {
	for _, d := range s.l.Displaced {
		if !d.IsKept() {
			continue
		}
		if _, err := s.vault(s.l).load(ctx, displacedName(d.ID)); isNotFound(err) {
			lost = append(lost, d.Pair)
		}
	}
	return lost
}
