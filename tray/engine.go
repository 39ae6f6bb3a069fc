package tray

import (
	"context"

	"keytender/internal/session"
)

// Engine is what the app asks of the session's engine. Every call runs
// in a goroutine of its own and may take as long as the engine's own limits allow;
// each returns soon after its context ends, but first stores what a renewal that was
// sent brings back. The sentences that some return are for the person.
type Engine interface {
	Status(ctx context.Context) session.Status
	SignIn(ctx context.Context, o session.SignInOptions, tell func(session.Event)) (session.Status, error)
	// SignInWithClaude lets Claude Code sign in and takes over what it wrote.
	SignInWithClaude(ctx context.Context, o session.SignInOptions, t session.Terminal,
		tell func(session.Event)) (session.Status, error)
	Renew(ctx context.Context, force bool) (session.Renewal, error)
	// Mirror writes the login into Claude Code's entry, whatever is in there.
	Mirror(ctx context.Context) (session.Said, error)
	// SetMirror turns the mirror off, or on and mirrors at once.
	SetMirror(ctx context.Context, on bool) (session.Said, error)
	// Switch makes another account the active one and mirrors it.
	Switch(ctx context.Context, account string) (session.Said, error)
	// SetWatch chooses watch-only, or the way back.
	SetWatch(ctx context.Context, on bool) error
	// RenameAccount gives an account another name.
	RenameAccount(ctx context.Context, from, to string) error
	// SignOutOf signs out of one account.
	SignOutOf(ctx context.Context, account string, o session.SignOutOptions) ([]session.Step, error)
	// Undo puts back the login that made room in Claude Code's entry.
	Undo(ctx context.Context) (session.Said, error)
	// ImportClaudeCode takes over the login that Claude Code's entry holds.
	ImportClaudeCode(ctx context.Context, o session.ImportOptions) (session.Imported, error)
	// History is what happened, oldest first.
	History() ([]session.Record, error)
	// Diagnosis says how everything stands, in a text that can be shown around.
	Diagnosis(ctx context.Context) string
	// Why says why somebody was signed out, as far as it is known, in English for whoever
	// helps, and can be shown around too.
	Why(ctx context.Context) string
	// Changes reports, coalesced, that something on disk may have changed.
	Changes(ctx context.Context) (<-chan struct{}, error)
	// Tend renews when due and looks after each change, until ctx ends.
	Tend(ctx context.Context, changed <-chan struct{})
}
