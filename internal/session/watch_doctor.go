package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// examineWatched is Examine where no login is kept: what matters then is Claude Code's own.
func (d doctor) examineWatched(ctx context.Context, st Status) []Check {
	role := "watch-only, by your choice"
	if from := roleFrom(d.config); from != "" {
		role = fmt.Sprintf("watch-only, by %s (%s)", roleSetting, from)
	}
	checks := []Check{fine("role", "%s: no copy of a login is kept", role)}
	for _, look := range []func(context.Context, Status) []Check{
		d.checkLogin, d.checkWatchedEntry, d.checkClientLocks, d.checkOverrides, d.checkClientSettings, d.checkScopes,
		d.checkPermissions, d.checkOurLock, d.checkLeftovers, d.checkDisk, d.checkClock, d.checkWatchedClaude, d.checkWatchedTray,
	} {
		checks = append(checks, look(ctx, st)...)
	}
	return checks
}

// checkWatchedEntry: an entry that holds no usable login is told by the login's check.
func (d doctor) checkWatchedEntry(ctx context.Context, st Status) []Check {
	if d.entryErr != nil {
		return d.checkEntry(ctx, st)
	}
	if _, err := d.readEntry(ctx); err != nil {
		check := d.unreadableEntry(err, st)
		check.Hint = strings.ReplaceAll(check.Hint, "`keytender mirror` writes a new one", "`keytender login` signs in anew")
		return []Check{check}
	}
	state := "signed in"
	if st.ClaudeCode.State != Off {
		state = string(st.ClaudeCode.State)
	}
	return []Check{fine(entryName, "%s (%s)", state, st.ClaudeCode.Place)}
}

func (d doctor) checkWatchedClaude(ctx context.Context, st Status) []Check {
	known := &Error{}
	if _, err := d.claudeVersion(ctx); errors.As(err, &known) {
		_ = errors.As(withoutTending(known), &known)
		message, hint := d.said(known)
		return []Check{warn("Claude Code", message, "watch-only signs in through it", hint)}
	}
	return d.checkClaude(ctx, st)
}

func (d doctor) checkWatchedTray(_ context.Context, st Status) []Check {
	if st.Tray.Running {
		return []Check{fine("menu bar", "running")}
	}
	return []Check{warn("menu bar", "neither the app nor `keytender agent` runs", "nobody tells you before the login ends",
		"start it with `keytender tray`, or without a desktop with `keytender autostart on --agent`")}
}
