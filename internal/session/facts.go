package session

import (
	"slices"

	"keytender/internal/ledger"
)

// Keep says where a login is kept.
type Keep string

// Where a login can be kept.
const (
	InKeychain Keep = "keychain"
	InFile     Keep = "file"  // a plain file that only the person's own user can read
	Aside      Keep = "aside" // no store takes it: it waits in a file until one does
)

// keepOf is where a login lies that was saved in a store of this kind.
func keepOf(kind string, spilled bool) Keep {
	if spilled {
		return Aside
	}
	return Keep(kind)
}

// Keep is where the login of st is kept; empty: there is none, or it is not known.
func (st Status) Keep() Keep {
	if st.State == SignedOut || st.State == "" {
		return ""
	}
	if slices.ContainsFunc(st.Places, func(p PlaceStatus) bool {
		return p.Kind == ledger.SpillFile &&
			p.Account == st.Account
	}) {
		return Aside
	}
	for _, s := range st.Stores {
		if s.State != "not-used" && s.State != "absent" {
			return Keep(s.Name)
		}
	}
	return ""
}

// Note names what an event tells, for who has words of their own for it.
type Note string

// The notes. One without a name is for the terminal alone.
const (
	NoteNoPort      Note = "no-port"      // the redirect cannot come by itself, Value: why; a code has to be pasted
	NoteServerWaits Note = "server-waits" // Left: until the same code is tried once more
	NoteWhose       Note = "whose"        // who signed in could not be asked, Value: why
	// the login that the account had before is kept, and can be put back; Value: the account
	NoteFormerKept Note = "former-kept"
	NoteOverridden Note = "overridden" // Claude Code uses something else than its entry; Value: the names of that
	// Claude Code opens its own page now; Value: its name and version, Detail: how it is called
	NoteClaudeGoes Note = "claude-goes"
	NoteUnusable   Note = "unusable"   // Claude Code will not use what it wrote; Said: why
	NoteValidity   Note = "validity"   // Value: the seconds that were asked for, Detail: those that were granted
	NoteKeyMade    Note = "key-made"   // Claude Code made an API key, which is kept; Value: it, masked
	NoteFormerKey  Note = "former-key" // Value: the key whose place it takes, masked

	// of an EventClaudeCode; Value: the entry's place, Detail: whose login made room
	NoteSignedInItself Note = "signed-in-itself"
	NoteKeyNotKept     Note = "key-not-kept" // of an EventClaudeCode; Value: the key that it made, masked
)
