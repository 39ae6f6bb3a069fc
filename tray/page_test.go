package tray

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"keytender/callback"
	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/reminder"
	"keytender/tray/traytest"
)

// sheets is a browser that sees each page at once, or never.
func (b *bench) sheets(seen bool) (pages *[]callback.Sheet) {
	pages = new([]callback.Sheet)
	b.app.options.Show = func(_ context.Context, s callback.Sheet, _ time.Duration) (*callback.Showing, error) {
		*pages = append(*pages, s)
		looked := make(chan struct{})
		if seen {
			close(looked)
		}
		return &callback.Showing{URL: "http://localhost:1/note/FAKE", Seen: looked}, nil
	}
	return pages
}

// TestWhatIsAskedForIsSeenWithoutNotifications: in the menu, and on a page where it is more
// than a line.
func TestWhatIsAskedForIsSeenWithoutNotifications(t *testing.T) {
	for _, c := range []struct {
		id    menu.ID
		line  string
		pages int
	}{
		{menu.ItemAbout, "  About Keytender 1.2.3", 1},
		{menu.ItemShowStatus, "# first_last@example.com · Max", 1},
		{menu.ItemCopyDiagnosis, "# Diagnosis copied. It holds no token, name or address, so it", 0},
	} {
		run(t, traytest.SignedIn, func(b *bench) {
			b.notifier.err = errors.New("no service")
			pages := b.sheets(true)
			b.click(c.id)
			b.wantMenu(c.line)
			if len(*pages) != c.pages {
				b.Errorf("line %d: pages %+v", c.id, *pages)
			}
			b.click(menu.ItemRenew)
			if b.app.around.Said != "" {
				b.Error("the next click leaves it there")
			}
		})
	}
}

// TestTheWelcome comes at the first start of who is signed out, until it was seen.
func TestTheWelcome(t *testing.T) {
	for _, c := range []struct {
		name         string
		status       func(time.Time) session.Status
		display      bool
		seen         bool
		pages        int
		isRemembered bool
	}{
		{"signed out", signedOutStatus, true, true, 1, true},
		{"not seen", signedOutStatus, true, false, 1, false},
		{"no display", signedOutStatus, false, true, 0, false},
		{"signed in", traytest.SignedIn, true, true, 0, true},
	} {
		run(t, c.status, func(b *bench) {
			b.app.queue.post(func() { b.app.memory, b.app.greeted = reminder.Memory{}, true })
			b.app.options.display = func() bool { return c.display }
			pages := b.sheets(c.seen)
			for range 2 { // readings
				b.app.queue.post(func() { b.app.greeted = b.app.greeted && len(*pages) > 0; b.app.welcome() })
				synctest.Wait()
			}
			if len(*pages) != c.pages || b.app.welcomedAlready() != c.isRemembered ||
				b.app.termsSeen.Load() != c.isRemembered {
				b.Errorf("%s: %d pages, remembered: %v", c.name, len(*pages), b.app.welcomedAlready())
			}
		})
	}
}
