package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// examineWatched is Examine where no login is kept: what matters then is Claude Code's own.
func (e *Engine) examineWatched(ctx context.Context, st Status) []Check {
	role := "watch-only, by your choice"
	if from := e.roleFrom(); from != "" {
		role = fmt.Sprintf("watch-only, by %s (%s)", roleSetting, from)
	}
	checks := []Check{fine("role", "%s: no copy of a login is kept", role)}
	for _, look := range []func(context.Context, Status) []Check{
		e.checkLogin, e.checkWatchedEntry, e.checkClientLocks, e.checkOverrides, e.checkClientSettings, e.checkScopes,
		e.checkPermissions, e.checkOurLock, e.checkLeftovers, e.checkDisk, e.checkClock, e.checkWatchedClaude, e.checkWatchedTray,
	} {
		checks = append(checks, look(ctx, st)...)
	}
	return checks
}

// checkWatchedEntry: an entry that holds no usable login is told by the login's check.
func (e *Engine) checkWatchedEntry(ctx context.Context, st Status) []Check {
	if e.entryErr != nil {
		return e.checkEntry(ctx, st)
	}
	if _, err := e.readEntry(ctx); err != nil {
		check := e.unreadableEntry(err, st)
		check.Hint = strings.ReplaceAll(check.Hint, "`keytender mirror` writes a new one", "`keytender login` signs in anew")
		return []Check{check}
	}
	state := "signed in"
	if st.ClaudeCode.State != Off {
		state = string(st.ClaudeCode.State)
	}
	return []Check{fine(entryName, "%s (%s)", state, st.ClaudeCode.Place)}
}

func (e *Engine) checkWatchedClaude(ctx context.Context, st Status) []Check {
	known := &Error{}
	if _, err := e.ClaudeVersion(ctx); errors.As(err, &known) {
		alone := &Error{}
		_ = errors.As(withoutTending(known), &alone)
		return []Check{warn("Claude Code", known.Message, "watch-only signs in through it", alone.Hint)}
	}
	return e.checkClaude(ctx, st)
}

func (e *Engine) checkWatchedTray(_ context.Context, st Status) []Check {
	if st.Tray.Running {
		return []Check{fine("menu bar", "running")}
	}
	return []Check{warn("menu bar", "neither the app nor `keytender agent` runs", "nobody tells you before the login ends",
		"start it with `keytender tray`, or without a desktop with `keytender autostart on --agent`")}
}
