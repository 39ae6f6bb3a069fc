package session

import (
	"context"
)

// examineWatched is Examine where no login is kept: what matters then is Claude Code's own.
func (d doctor) examineWatched(ctx context.Context, st Status) []Check {
	checks := fine("role", FoundRoleChosen, nil)
	if from := roleFrom(d.config); from != "" {
		checks = fine("role", FoundRoleSet, &Values{ID: roleSetting, Also: from})
	}
	for _, look := range []func(context.Context, Status) []Check{
		d.checkLogin, d.checkWatchedEntry, d.checkClientLocks, d.checkOverrides, d.checkClientSettings, d.checkScopes,
		d.checkPermissions, d.checkOurLock, d.checkLeftovers, d.checkDisk, d.checkClock, d.checkWatchedClaude,
		d.checkWatchedTray,
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
		return d.unreadableEntry(err, st)
	}
	v := &Values{Place: st.ClaudeCode.Place, Standing: string(st.ClaudeCode.State)}
	if st.ClaudeCode.State == Off {
		return fine(entryName, FoundEntryFineWatch, v)
	}
	return fine(entryName, FoundEntryFine, v)
}

func (d doctor) checkWatchedClaude(ctx context.Context, st Status) []Check {
	_, err := d.claudeVersion(ctx)
	if known := errorIn(err); known != nil {
		return wrong("Claude Code", CheckWarn, FoundClaudeBrokenWatch, withoutTending(known))
	}
	return d.checkClaude(ctx, st)
}

func (d doctor) checkWatchedTray(_ context.Context, st Status) []Check {
	if st.Tray.Running {
		return fine("menu bar", FoundTrayRuns, nil)
	}
	return warn("menu bar", FoundTrayMissingWatch, nil)
}
