package menu

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytender/internal/ledger"
	"keytender/internal/session"
	"keytender/tray/traytest"
)

const day = 24 * time.Hour

// menuCases are the menu's states, for the golden files and for whatever must hold in
// each of them.
var menuCases = []struct {
	name   string
	status session.Status
	doing  Activity
	around Around
}{
	{"before the first reading", session.Status{}, Activity{}, Around{}},
	{"signed out", session.Status{State: session.SignedOut}, Activity{}, Around{}},
	{"in order", traytest.SignedIn(traytest.Noon), Activity{}, Around{}},
	{"a team, and Claude Code renewed", traytest.Changed(func(s *session.Status) {
		s.Plan, s.Organization = "team", "Example\n Ltd"
		s.LastChange = &session.ChainChange{At: traytest.Noon.Add(-5 * time.Minute), What: "adopted",
			Who: "Claude Code"}
	}), Activity{}, Around{}},
	{"Claude Code has another login", traytest.Changed(func(s *session.Status) { s.ClaudeCode.State = "other-login" }),
		Activity{}, Around{}},
	{"overridden; the mirror is off", traytest.Changed(func(s *session.Status) {
		s.ClaudeCode = session.EntryStatus{State: "off", OverriddenBy: []string{"ANTHROPIC_API_KEY"}}
	}), Activity{}, Around{}},
	{"the network is down and the token has ended", traytest.Changed(func(s *session.Status) {
		s.State = session.TryLater
		s.AccessToken = session.AccessClock{ExpiresAt: traytest.At(-time.Minute), Renewable: true}
		s.Problem = &session.Problem{Code: "try-later", Message: "the server did not answer",
			Hint: "nothing to do; it is tried again"}
	}), Activity{}, Around{}},
	{"the keychain is locked", session.Status{State: session.TryLater, Account: "default",
		ClaudeCode: session.EntryStatus{Mirror: true},
		Problem: &session.Problem{Code: "locked", Message: "reading from the keychain: the keychain is locked",
			Hint: "unlock the keychain (sign in to the desktop, or unlock the login keyring) and try again"}},
		Activity{}, Around{}},
	{"sign in again", traytest.Changed(func(s *session.Status) {
		s.State = session.SignInAgain
		s.Problem = &session.Problem{Code: "sign-in-again", Message: "the login was revoked",
			Hint: "sign in again with a command"}
	}), Activity{}, Around{}},
	{"the login has ended, its end only estimated", traytest.Changed(func(s *session.Status) {
		s.Login = session.LoginClock{ExpiresAt: traytest.At(-time.Hour), Estimated: true}
		s.AccessToken.ExpiresAt = traytest.At(0)
	}), Activity{}, Around{}},
	{"a long-lived token of an unnamed account", session.Status{
		State: session.SignedIn, Account: "ci", ClaudeCode: session.EntryStatus{State: "absent"},
		AccessToken: session.AccessClock{ExpiresAt: traytest.At(300 * day), Valid: true},
	}, Activity{}, Around{}},
	{"watch-only", traytest.Changed(traytest.Watched), Activity{}, Around{CopyToken: true}},
	{"watch-only, signed out", session.Status{State: session.SignedOut, Role: session.RoleWatch,
		Account: session.WatchedAccount}, Activity{}, Around{}},
	{"a sign-in opens", session.Status{State: session.SignedOut}, Activity{SignIn: Opening}, Around{}},
	{"a sign-in waits", session.Status{State: session.SignedOut},
		Activity{SignIn: Waiting, Link: "https://example.com",
			Until: traytest.Noon.Add(4*time.Minute + 10*time.Second)}, Around{}},
	{"a sign-in is being cancelled", session.Status{State: session.SignedOut},
		Activity{SignIn: Cancelling, Link: "https://example.com"}, Around{}},
	{"a sign-in failed", session.Status{State: session.SignedOut},
		Activity{Failed: &session.Problem{Code: "port-taken", Message: "port 8765 is taken",
			Hint: "run `keytender login --port 9`"}}, Around{}},
	{"the server does not let us", session.Status{State: session.SignedOut},
		Activity{Failed: &session.Problem{Code: session.CodeNotPermitted, Message: "HTTP 403: FAKE"}}, Around{}},
	{"kept in a plain file", traytest.Changed(func(s *session.Status) {
		s.Stores = []session.StoreState{{Name: "keychain", State: "absent"}, {Name: "file", State: "ok"}}
	}), Activity{}, Around{}},
	{"it waits outside the keychain", traytest.Changed(func(s *session.Status) {
		s.Places = []session.PlaceStatus{{Kind: ledger.SpillFile, Account: "default"}}
	}), Activity{}, Around{}},
	{"a sign-in that will keep a plain file", session.Status{State: session.SignedOut},
		Activity{SignIn: Waiting, Keep: session.InFile, Until: traytest.Noon.Add(time.Minute)}, Around{}},
	{"Claude Code holds a login and we hold none", session.Status{State: session.SignedOut,
		ClaudeCode: session.EntryStatus{Mirror: true, State: session.OtherLogin}}, Activity{}, Around{}},
	{"a login can be put back, and things happened", traytest.Changed(func(s *session.Status) {
		s.PutBack = &session.PutBack{Email: "b@example.com"}
	}), Activity{}, Around{Events: []session.Record{{At: traytest.Noon.Add(-26 * time.Hour), What: "signed-in"},
		{At: traytest.Noon.Add(-time.Hour), What: "not known here"},
		{At: traytest.Noon.Add(-2 * time.Minute), What: "adopted"}}}},
	{"renewing", traytest.SignedIn(traytest.Noon), Activity{Renewing: true}, Around{}},
	{"several accounts, the token may be copied", traytest.Changed(func(s *session.Status) {
		s.Account, s.Accounts = "work", traytest.Named("default", "home", "work")
	}), Activity{}, Around{CopyToken: true, CanStart: true, Starts: true}},
	{"accounts whose e-mail is known", traytest.Changed(func(s *session.Status) {
		s.Accounts = []session.AccountStatus{{Name: "default", Email: s.Email, Plan: "max"},
			{Name: "work", Email: "a@work.example", Plan: "team"},
			{Name: "b", Email: "b@example.com"}, {Name: "one", Email: "c@example.com", Plan: "pro"},
			{Name: "two", Email: "c@example.com", Plan: "pro"}}
	}), Activity{}, Around{}},
	{"lent places, and an account with a name of its own", traytest.Changed(func(s *session.Status) {
		s.Accounts = []session.AccountStatus{{Name: "home", Email: s.Email, Plan: "max", Named: true},
			{Name: "b", Email: "b@example.com", Plan: "pro"}}
		s.Account = "home"
		lent := func(place string, state session.PlaceState, ends time.Duration) session.PlaceStatus {
			return session.PlaceStatus{Place: place, Kind: ledger.Lent, State: state, Ends: traytest.At(ends)}
		}
		s.Places = []session.PlaceStatus{{Place: "/home/a/.claude/.credentials.json", Kind: ledger.Entry},
			lent("/home/a/ci", session.PlaceInStep, time.Hour),
			lent("/home/ab", session.PlaceBehind, time.Hour), lent("box:/root", session.PlaceUnreachable, time.Hour),
			lent("/mnt/x", session.PlaceUnreachable, -time.Hour),
			lent("/home/a", session.PlaceUnwritable, -time.Hour)}
	}), Activity{}, Around{Home: "/home/a"}},
	{"more lent places than there are lines", traytest.Changed(func(s *session.Status) {
		for i := range 12 {
			s.Places = append(s.Places, session.PlaceStatus{Place: fmt.Sprintf("/srv/%d", i), Kind: ledger.Lent,
				State: session.PlaceInStep})
		}
	}), Activity{}, Around{}},
	{"the login has ended, and the server has not said so yet",
		traytest.Changed(func(s *session.Status) {
			s.Login.ExpiresAt = traytest.At(-time.Minute)
		}), Activity{}, Around{}},
	{"more accounts than there are lines", traytest.Changed(func(s *session.Status) {
		s.Account = "l"
		s.Accounts = traytest.Named(strings.Fields("a b c d e f g h i j k l")...)
	}), Activity{Switching: true}, Around{CanStart: true}},
	{"files cannot be watched", traytest.SignedIn(traytest.Noon), Activity{}, Around{Unwatched: true}},
	{"a sign-in waits for a code", session.Status{State: session.SignedOut},
		Activity{SignIn: Waiting, Way: ByCode, Link: "https://example.com", Until: traytest.Noon.Add(5 * time.Minute)},
		Around{}},
	{"Claude Code signs in", traytest.SignedIn(traytest.Noon), Activity{SignIn: Waiting, Way: ByClaude}, Around{}},
	{"a sign-in finishes", traytest.SignedIn(traytest.Noon), Activity{SignIn: Finishing}, Around{}},
	{"writing, nothing read yet", session.Status{}, Activity{Mirroring: true}, Around{}},
	{"signing out", traytest.SignedIn(traytest.Noon), Activity{Leaving: true}, Around{}},
	{"one day left, Claude Code is newer", traytest.Changed(func(s *session.Status) {
		s.Login.ExpiresAt, s.ClaudeCode.State = traytest.At(26*time.Hour), "newer"
	}), Activity{}, Around{}},
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestMenu holds the menu of each state, in each language, against its golden file.
func TestMenu(t *testing.T) {
	for language, w := range languages {
		var got strings.Builder
		for _, c := range menuCases {
			fmt.Fprintf(&got, "%s:\n", c.name)
			c.around.Version = "1.2.3"
			items := Menu(w, c.status, c.doing, c.around, traytest.Noon)
			for i, item := range items {
				if i > 0 && items[i-1].ID >= item.ID {
					t.Errorf("%s: line %d is out of order", c.name, item.ID)
				}
				if Slots[item.ID].LineAbove || item.ID == ItemHelp && items[i-1].ID != ItemStartAtLogin {
					got.WriteString("  ----\n")
				}
				indent := "  "
				if Slots[item.ID].Under != item.ID {
					indent = "      "
				}
				got.WriteString(indent + traytest.Row(item.Label, item.Enabled, item.Checked) + "\n")
			}
			got.WriteByte('\n')
		}
		path := filepath.Join("testdata", "menu."+language+".golden")
		if *update {
			if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s: %s", language, diff)
		}
	}
}

// TestMenuNeverJoinsSeparators holds what Slots promises: the lines around each
// separator are there in every state, since separators cannot be hidden.
func TestMenuNeverJoinsSeparators(t *testing.T) {
	for _, state := range []session.State{"", session.SignedIn, session.SignedOut, session.SignInAgain,
		session.TryLater} {
		for phase := NoSignIn; phase <= Cancelling; phase++ {
			visible := map[ID]bool{}
			for _, item := range Menu(&english, session.Status{State: state}, Activity{SignIn: phase}, Around{},
				traytest.Noon) {
				visible[item.ID] = true
			}
			for _, id := range []ID{ItemWho, ItemSignIn, ItemHelp, ItemQuit} {
				if !visible[id] {
					t.Errorf("%q, phase %d: line %d is missing", state, phase, id)
				}
			}
		}
	}
}

func TestMenuShortensLongLines(t *testing.T) {
	s := traytest.Changed(func(s *session.Status) {
		s.Email = strings.Repeat("é", 500)
		s.Problem = &session.Problem{Message: strings.Repeat("wörd ", 200), Hint: strings.Repeat("x", 500) + " y z"}
	})
	for _, item := range Menu(&english, s, Activity{}, Around{}, traytest.Noon) {
		if n := len([]rune(item.Label)); n > lineLength {
			t.Errorf("a line of %d characters: %s", n, item.Label)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour:                      "less than a minute",
		59 * time.Second:                "less than a minute",
		time.Minute:                     "1 min",
		4*time.Minute + 59*time.Second:  "5 min",
		59*time.Minute + 40*time.Second: "1 h",
		3*time.Hour + 4*time.Minute:     "3 h 4 min",
		6 * time.Hour:                   "6 h",
		11*time.Hour + 20*time.Minute:   "11 h",
		23*time.Hour + 50*time.Minute:   "1 day",
		26 * time.Hour:                  "1 day 2 h",
		47*time.Hour + 40*time.Minute:   "2 days",
		7*day - time.Minute:             "7 days",
	} {
		if got := english.Span(d); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTooltipFitsWindows(t *testing.T) {
	s := traytest.Changed(func(s *session.Status) { s.Email = strings.Repeat("x", 200) })
	if n := len([]rune(english.Tooltip(IconFine, s))); n != 127 {
		t.Errorf("the tooltip has %d characters", n)
	}
}
