package tray

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/traytest"
)

func twoAccounts(time.Time) session.Status {
	return traytest.Changed(func(s *session.Status) {
		s.Accounts = []session.AccountStatus{{Name: "default", Email: s.Email, Plan: "max"},
			{Name: "work", Email: "w@example.com", Plan: "pro"}}
	})
}

// TestAnAccountIsRenamedOnAPage, which says what is wrong with a name and asks again.
func TestAnAccountIsRenamedOnAPage(t *testing.T) {
	run(t, twoAccounts, func(b *bench) {
		pages := b.sheets(true)
		b.wantMenu("  Rename an account")
		b.click(menu.ItemRenameAccount + 1)
		if len(*pages) != 1 || (*pages)[0].Ask == nil {
			b.Fatalf("pages %+v", *pages)
		}
		page := (*pages)[0]
		if page.Title != "Rename an account" || !slices.Contains(page.Lines, "w@example.com · Pro") ||
			page.Ask.Value != "work" {
			b.Errorf("the page is %+v, and asks %+v", page, page.Ask)
		}
		b.engine.rename = &session.Error{Code: "account-taken"}
		if title, texts, done := page.Ask.Answer("x"); done || title != "Could not rename the account" ||
			!strings.Contains(strings.Join(texts, ""), "has this name already") {
			b.Errorf("a name that is taken: %q %q, done: %v", title, texts, done)
		}
		b.engine.rename = nil
		if title, _, done := page.Ask.Answer("office"); !done || title != "The account is called office now" {
			b.Errorf("done: %v, %q", done, title)
		}
		if b.engine.count("RenameAccount work office") != 1 {
			b.Errorf("calls %q", b.engine.calls)
		}
	})
}

// TestWithoutABrowserTheMenuSaysSo for what would be asked or told on a page.
func TestWithoutABrowserTheMenuSaysSo(t *testing.T) {
	run(t, twoAccounts, func(b *bench) {
		b.app.options.Show = nil
		b.click(menu.ItemRenameAccount)
		b.wantMenu("# No browser opened.")
		b.click(menu.ItemWrong)
		b.wantMenu("# Something wrong? first_last@example.com · Max. Login ends in")
	})
}

// TestSomethingWrong shows on a page how it stands and what happened, and has for others
// what the command line would say.
func TestSomethingWrong(t *testing.T) {
	for _, c := range []struct {
		name, board, last string
		copied            error
	}{
		{"a clipboard", "FAKE reason, in English", "What Keytender knows is on the clipboard", nil},
		{"no clipboard", "", "FAKE reason, in English", context.DeadlineExceeded},
	} {
		run(t, twoAccounts, func(b *bench) {
			pages := b.sheets(true)
			if c.copied != nil {
				b.app.options.copy = func(context.Context, string) error { return c.copied }
			}
			b.app.queue.post(func() {
				b.app.around.Events = []session.Record{{At: time.Now().Add(-2 * time.Minute), What: "signed-out-there",
					Account: "default"}}
			})
			b.click(menu.ItemWrong)
			if len(*pages) != 1 {
				b.Fatalf("%s: pages %+v", c.name, *pages)
			}
			page := (*pages)[0]
			if page.Title != "Something wrong?" || page.Lines[0] != "first_last@example.com · Max" ||
				!strings.HasPrefix(page.Lines[len(page.Lines)-1], c.last) ||
				!slices.Contains(page.Lines, "2 min ago · Claude Code was signed out (first_last@example.com · Max)") {
				b.Errorf("%s: %+v", c.name, page)
			}
			if b.onBoard() != c.board {
				b.Errorf("%s: the clipboard holds %q", c.name, b.onBoard())
			}
		})
	}
}

// TestALentPlaceTellsHowItStands.
func TestALentPlaceTellsHowItStands(t *testing.T) {
	lent := func(now time.Time) session.Status {
		s, ends := traytest.SignedIn(now), now.Add(3*time.Hour)
		s.Places = []session.PlaceStatus{{Place: "/srv/ci", Kind: ledger.Lent, State: session.PlaceBehind, Ends: &ends}}
		return s
	}
	run(t, lent, func(b *bench) {
		b.wantMenu("  Lent places", "  /srv/ci · behind, tried again by itself")
		b.notifier.told = nil
		b.click(menu.ItemLentPlace)
		b.wantTold("/srv/ci")
		if got := b.notifier.told[0].Body; got != "Behind, tried again by itself. Token ends in 3 h." {
			b.Errorf("told %q", got)
		}
	})
}
