package tray

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/reminder"
	"keytender/tray/traytest"
)

const day = 24 * time.Hour

// TestDecideOverAYear lives through a year in quarter hours: a token that is renewed
// every eight hours, a server whose telling of the login's end wavers by minutes, a
// person who signs in again at various points, and a computer that is off at night
// and on some days. Each line is a notice with the day on which it came.
func TestDecideOverAYear(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	begin := traytest.Noon
	memory := reminder.Memory{}
	var got []string
	// Each login: its length in days, and after how many the person signs in again.
	logins := []struct{ lasts, again float64 }{
		{30, 31.5}, // waited too long
		{30, 22.9}, // before the first word
		{30, 23.5}, // after the first
		{30, 29.5}, // on the last day
		{365, 250}, // a long-lived one
	}
	var start, end time.Time
	next := begin
	login := -1
	for hour := begin; hour.Before(begin.Add(365 * day)); hour = hour.Add(15 * time.Minute) {
		if !hour.Before(next) && login+1 < len(logins) {
			login++
			start = hour
			end = start.Add(time.Duration(logins[login].lasts * float64(day)))
			next = start.Add(time.Duration(logins[login].again * float64(day)))
			if login == 2 {
				memory = memory.Without("default") // signed in from the menu
			}
		}
		if h := hour.Hour(); h < 7 || h > 22 || int(hour.Sub(begin)/day) == 27 {
			continue // off; for one whole day, from noon
		}
		wavering := end.Add(time.Duration(random.Intn(600)-300) * time.Second)
		tokenEnd := hour.Truncate(8 * time.Hour).Add(8 * time.Hour)
		s := session.Status{State: session.SignedIn, Account: "default", Email: "a@example.com",
			AccessToken: session.AccessClock{ExpiresAt: &tokenEnd, Valid: true, Renewable: true},
			Login:       session.LoginClock{ExpiresAt: &wavering}}
		if !hour.Before(wavering) {
			s.State = session.SignInAgain
		}
		switch at := hour.Sub(begin); {
		case at > 100*day && at < 102*day+12*time.Hour:
			// The keychain stays locked; nothing of the login can be read.
			s = session.Status{State: session.TryLater, Account: "default",
				Problem: &session.Problem{Code: "locked", Message: "the keychain is locked"}}
		case at > 150*day && at < 151*day:
			// The network is away, which passes by itself.
			s.State, s.Problem, s.AccessToken.Valid = session.TryLater, &session.Problem{Code: "try-later",
				Message: "no network"}, false
		case at > 160*day && at < 160*day+time.Hour && hour.Minute() == 30:
			// Locked for a moment, now and then.
			s = session.Status{State: session.TryLater, Account: "default",
				Problem: &session.Problem{Code: "locked", Message: "the keychain is locked"}}
		}
		n, m := decide(menu.In("en"), s, memory, hour)
		memory = m
		if n != nil {
			got = append(got, fmt.Sprintf("login %d, day %.1f: %s", login, hour.Sub(start).Hours()/24, n.Title))
		}
	}
	want := []string{
		"login 0, day 23.0: Login ends in 7 days",
		"login 0, day 28.0: Login ends in 2 days",
		"login 0, day 29.0: Login ends in 1 day",
		"login 0, day 30.0: Your login has ended",
		"login 2, day 23.0: Login ends in 7 days",
		"login 3, day 22.1: Your login needs you", // locked until day 24.6
		"login 3, day 24.9: Login ends in 5 days",
		"login 3, day 27.0: Login ends in 3 days",
		"login 3, day 29.0: Login ends in 1 day",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecide(t *testing.T) {
	ends := func(d time.Duration) session.Status {
		return traytest.Changed(func(s *session.Status) { s.Login.ExpiresAt = traytest.At(d) })
	}
	revoked := traytest.Changed(func(s *session.Status) {
		s.State = session.SignInAgain
		s.Problem = &session.Problem{Message: "the login was revoked", Hint: "sign in again"}
	})
	blanked := session.Status{State: session.SignInAgain, Role: session.RoleWatch, Account: session.WatchedAccount,
		Problem: &session.Problem{Code: "sign-in-again", Message: "the login has ended", Hint: "sign in again"}}
	watched := traytest.Changed(traytest.Watched)
	type step struct {
		after  time.Duration // since noon
		status session.Status
		want   string // title, or "" for silence
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"nothing known", []step{{0, session.Status{}, ""}}},
		{"signed out", []step{{0, session.Status{State: session.SignedOut}, ""}}},
		{"the access token has ended", []step{{0, traytest.Changed(func(s *session.Status) {
			s.AccessToken = session.AccessClock{ExpiresAt: traytest.At(-time.Hour), Renewable: true}
		}), ""}}},
		{"trouble that passes", []step{{0, traytest.Changed(func(s *session.Status) { s.State = session.TryLater }),
			""}}},
		{"only the nearest step", []step{{0, ends(2 * day), "Login ends in 2 days"}, {time.Hour, ends(2 * day), ""}}},
		{"ended while nobody looked", []step{{0, ends(-day), "Your login has ended"}, {day, ends(-day), ""}}},
		{"revoked, then its time comes", []step{
			{0, revoked, "You need to sign in again"}, {time.Hour, revoked, ""}, {25 * day, revoked, ""}}},
		{"comes and goes", []step{
			{0, revoked, "You need to sign in again"}, {time.Hour, traytest.SignedIn(traytest.Noon), ""},
			{2 * time.Hour, revoked, ""},
			{3 * time.Hour, traytest.SignedIn(traytest.Noon), ""},
			{30 * time.Hour, revoked, "You need to sign in again"}}},
		{"comes and goes, and the clock was ahead", []step{
			{10 * day, revoked, "You need to sign in again"}, {10*day + time.Hour, traytest.SignedIn(traytest.Noon),
				""}, {time.Hour, revoked, "You need to sign in again"}}},
		{"came back, then nears its end", []step{
			{0, revoked, "You need to sign in again"}, {time.Hour, traytest.SignedIn(traytest.Noon), ""},
			{17 * day, traytest.SignedIn(traytest.Noon), "Login ends in 7 days"}}},
		{"a login that is only watched", []step{
			{0, watched, ""}, {22 * day, watched, "Login ends in 2 days"}, {25 * day, watched, "Your login has ended"},
			{25*day + time.Hour, session.Status{State: session.SignedOut, Role: session.RoleWatch}, ""}}},
		{"one that was blanked", []step{{0, watched, ""}, {time.Hour, blanked, "You need to sign in again"},
			{2 * time.Hour, blanked, ""}}},
		{"another person", []step{
			{0, ends(2 * day), "Login ends in 2 days"},
			{0, traytest.Changed(func(s *session.Status) {
				s.Email, s.Login.ExpiresAt = "b@example.com",
					traytest.At(2*day)
			}), "Login ends in 2 days"}}},
		{"another account keeps its own memory", []step{
			{0, ends(2 * day), "Login ends in 2 days"},
			{0, traytest.Changed(func(s *session.Status) { s.Account, s.Login.ExpiresAt = "work", traytest.At(2*day) }),
				"Login ends in 2 days"},
			{time.Hour, ends(2 * day), ""}}},
		{"the end becomes unknown for a while", []step{
			{0, ends(2 * day), "Login ends in 2 days"},
			{time.Hour, traytest.Changed(func(s *session.Status) { s.Login.ExpiresAt = nil }), ""},
			{2 * time.Hour, ends(2 * day), ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory := reminder.Memory{}
			for i, s := range c.steps {
				n, m := decide(menu.In("en"), s.status, memory, traytest.Noon.Add(s.after))
				memory = m
				got := ""
				if n != nil {
					got = n.Title
					if n.Action == "" {
						t.Errorf("step %d: no way to sign in is offered", i)
					}
				}
				if got != s.want {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
			}
		})
	}
}

func TestMemoryOutlivesTheProgram(t *testing.T) {
	dir := t.TempDir()
	want := reminder.Memory{"default": {Email: "a@example.com", LoginEnds: traytest.Noon, Step: reminder.ThreeDays,
		At: traytest.Noon}}
	if err := reminder.Save(dir, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, reminder.Load(dir)); diff != "" {
		t.Error(diff)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if !slices.Equal(names, []string{filepath.Join(dir, "notices.json")}) {
		t.Errorf("left behind: %v", names)
	}
}

func FuzzLoadMemory(f *testing.F) {
	f.Add([]byte(`{"default":{"email":"a@example.com","step":2}}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"default":`))
	f.Add([]byte(`{"default":{"email":"a@example.com","step":99,"wasOver":"9999-01-01T00:00:00Z"},"work":{"step":-1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "notices.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		m := reminder.Load(dir)
		if m == nil {
			t.Fatal("no memory at all")
		}
		now := traytest.Changed(func(s *session.Status) { s.Login.ExpiresAt = traytest.At(2 * day) })
		n, after := decide(menu.In("en"), now, m, traytest.Noon)
		if told := m[now.Account]; n == nil && (told.Email != now.Email || told.Step < reminder.ThreeDays) {
			t.Fatalf("silent, although only %+v was told", told)
		}
		if again, _ := decide(menu.In("en"), now, after, traytest.Noon.Add(time.Minute)); again != nil && n != nil {
			t.Fatalf("told twice: %+v", again)
		}
		for _, memory := range []reminder.Memory{m, after} {
			if err := reminder.Save(dir, memory); err != nil {
				return // a year that JSON does not know
			}
			if diff := cmp.Diff(memory, reminder.Load(dir)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// TestTroubleThatNeedsThePerson is told once it has stood for a while, once each time,
// and once a day at most.
func TestTroubleThatNeedsThePerson(t *testing.T) {
	trouble := func(code session.Code) session.Status {
		return session.Status{State: session.TryLater, Account: "default",
			Problem: &session.Problem{Code: code, Message: "the keychain is " + string(code), Hint: "unlock it"}}
	}
	fine := traytest.SignedIn(traytest.Noon)
	type step struct {
		after  time.Duration
		status session.Status
		told   bool
	}
	for name, steps := range map[string][]step{
		"stays": {{0, trouble("locked"), false}, {9 * time.Minute, trouble("locked"), false},
			{11 * time.Minute, trouble("locked"), true},
			{12 * time.Minute, trouble("locked"), false}, {3 * day, trouble("locked"), false}},
		"passes": {{0, trouble("locked"), false}, {5 * time.Minute, fine, false},
			{8 * time.Minute, trouble("locked"), false},
			{17 * time.Minute, trouble("locked"), false}},
		"comes again the same day": {{0, trouble("locked"), false}, {11 * time.Minute, trouble("locked"), true},
			{time.Hour, fine, false},
			{2 * time.Hour, trouble("locked"), false}, {3 * time.Hour, trouble("locked"), false},
			{26 * time.Hour, trouble("locked"), true}},
		"another kind": {{0, trouble("locked"), false}, {5 * time.Minute, trouble("denied"), false},
			{11 * time.Minute, trouble("denied"), false}, {16 * time.Minute, trouble("denied"), true}},
		"the network": {{0, trouble("try-later"), false}, {day, trouble("try-later"), false}},
		"a later version": {{0, trouble("later-version"), true}, {time.Minute, trouble("later-version"), false},
			{3 * day, trouble("later-version"), false}},
		"another holds a lock": {{0, trouble("busy"), false}, {day, trouble("busy"), false}},
		"a token that is still valid": {{0, traytest.Changed(func(s *session.Status) {
			s.State, s.Problem = session.TryLater, &session.Problem{Code: "storage"}
		}), false}, {time.Hour, traytest.Changed(func(s *session.Status) {
			s.State, s.Problem = session.TryLater, &session.Problem{Code: "storage"}
		}), false}},
		"the clock goes back": {{time.Hour, trouble("locked"), false}, {0, trouble("locked"), false},
			{11 * time.Minute, trouble("locked"), true}},
	} {
		memory := reminder.Memory{"default": {Email: "first_last@example.com", Step: reminder.SevenDays,
			LoginEnds: *fine.Login.ExpiresAt}}
		for i, s := range steps {
			n, m := decide(menu.In("en"), s.status, memory, traytest.Noon.Add(s.after))
			memory = m
			if (n != nil) != s.told {
				t.Errorf("%s, step %d: told %+v", name, i, n)
			}
			if n != nil && (n.Title != "Your login needs you" || !strings.Contains(n.Body, "Unlock it")) &&
				s.status.Problem.Code == "locked" {
				t.Errorf("%s, step %d: told %+v", name, i, n)
			}
		}
		if memory["default"].Step != reminder.SevenDays {
			t.Errorf("%s: what was told about the login's end is forgotten", name)
		}
	}
}

// TestFailedClickOffersTheSignIn that alone helps: its notice may take the place of the one about
// the ended login, whose button would be gone.
func TestFailedClickOffersTheSignIn(t *testing.T) {
	w := menu.In("en")
	for code, want := range map[session.Code]string{session.CodeSignInAgain: w.SignInAgain, session.CodeLocked: ""} {
		if n := noticeFailed(w, w.RenewFailed, session.Problem{Code: code}); n.Action != want {
			t.Errorf("%s: the notice offers %q", code, n.Action)
		}
	}
}
