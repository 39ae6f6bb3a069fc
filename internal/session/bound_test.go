//go:build linux

package session

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/keychain"
)

// What belongs to an account beside its login, and where else it may lie.

// A disk with one of the directories is not mounted for a while: a renewal, and then any
// look at the entries (a `refresh` that is not due, the app). The directory that is away is taken for
// one in which the person signed out: nobody is told that it is behind, history tells a sign-out that
// never was, and when the disk is back `token` leaves it with the spent token, which Claude Code there
// sends.
func TestDirectoryThatIsAwayCountsAsSignedOut(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.move(work, work+"-away")
	r.renewed("")
	if _, err := r.start().Renew(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	r.pass(10 * time.Minute)
	if st := r.start().Status(t.Context()); st.Problem == nil || st.Problem.Code != "place-behind" {
		t.Errorf("ten minutes behind, and status tells no problem: %+v", st.Problem)
	}
	if story := r.historyOf(); slices.Contains(story, "signed-out-there") {
		t.Errorf("nobody signed out: %v", story)
	}
	r.move(work+"-away", work)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	r.goTo(work)
	r.alive(r.entry().Login)
	r.goTo(home)
}

// Claude Code renewed while the clock was a year ahead, and the pair was taken over. The

// besides puts keys beside the login in the entry, as the client does.
func (r *rig) besides(keys map[string]string) {
	r.t.Helper()
	data, err := os.ReadFile(r.entryFile())
	if err != nil {
		r.t.Fatal(err)
	}
	document := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &document); err != nil {
		r.t.Fatal(err)
	}
	for key, value := range keys {
		document[key] = json.RawMessage(`"` + value + `"`)
	}
	if data, err = json.Marshal(document); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.entryFile(), data, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) entryText() string {
	data, _ := os.ReadFile(r.entryFile())
	return string(data)
}

// namedIn makes the client's state file in a directory name a person.
func (r *rig) namedIn(dir string, c keychain.Credential) {
	r.t.Helper()
	text := `{"numStartups":3,"oauthAccount":{"accountUuid":"` + c.Account.ID + `","emailAddress":"` + c.Account.Email +
		`","organizationUuid":"` + c.Account.OrganizationID + `"}}`
	if err := os.WriteFile(filepath.Join(dir, ".claude.json"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// What belongs to the account moves with it and is restored on the way back. Two
// directories; the device is trusted in the one. The person switches to another account in both, and
// back: what was kept of the first directory was written over by what the second one had, nothing.
func TestBoundKeysOfTwoDirectories(t *testing.T) {
	r := newRig(t)
	r.account = "ann"
	ann, home, work := r.inTwo("work")
	r.besides(map[string]string{"trustedDeviceToken": "FAKE-device"})
	r.namedIn(home, ann)
	r.namedIn(work, ann)
	r.keep("bob", r.issued("b@example.com", time.Hour))
	for _, dir := range []string{home, work} {
		r.goTo(dir)
		if _, err := r.start().Switch(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
	}
	r.goTo(home)
	if _, err := r.start().Switch(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.entryText(), "FAKE-device") {
		t.Error("the trusted device's token is gone")
	}
}

// : `login --account work --replace` as another person. What was kept of the former person
// beside the login (trustedDeviceToken, designOauth) is written beside the new person's login.
func TestBoundKeysOfTheFormerPerson(t *testing.T) {
	r := newRig(t)
	r.account = "work"
	ann := r.signIn(time.Hour)
	r.besides(map[string]string{"trustedDeviceToken": "FAKE-device-of-ann"})
	r.namedIn(r.claude, ann)
	r.keep("zoe", r.issued("zoe@example.com", time.Hour))
	if _, err := r.start().Switch(t.Context(), "zoe"); err != nil {
		t.Fatal(err)
	}
	r.keep("work", r.issued("b@example.com", time.Hour)) // --replace
	if _, err := r.start().Switch(t.Context(), "work"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.entryText(), "FAKE-device-of-ann") {
		t.Error("bob's login stands beside ann's trusted device token")
	}
}

// A directory is lent another account. Its client goes on as the former person, whom its
// state file still names.
func TestLentToAnotherPerson(t *testing.T) {
	r := newRig(t)
	r.account = "ann"
	ann := r.signIn(time.Hour)
	bob := r.issued("b@example.com", time.Hour)
	r.keep("bob", bob)
	dir := r.beside("lent")
	if _, err := r.start().On("ann").Lend(t.Context(), LendOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	r.namedIn(dir, ann) // the client has been started there
	if _, err := r.start().On("bob").Lend(t.Context(), LendOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if got := r.lent(dir).Login; !got.Access.Equal(bob.Access) {
		t.Fatal("bob's was not lent")
	}
	if data, _ := os.ReadFile(filepath.Join(dir, ".claude.json")); strings.Contains(string(data), ann.Account.ID) {
		t.Errorf("bob's token is lent, and the client's state names ann: %s", data)
	}
}

// A lent directory in which the device was trusted keeps that at each renewal; where the login
// tells no ids, too.
func TestLentKeepsItsSiblings(t *testing.T) {
	for _, ids := range []bool{true, false} {
		r := newRig(t)
		c := r.issued("a@example.com", time.Hour)
		if !ids {
			c.Account = keychain.Account{}
		}
		r.keep("default", c)
		dir := r.beside("lent")
		r.lend(dir)
		at := r.claude
		r.claude = dir
		r.besides(map[string]string{"trustedDeviceToken": "FAKE-device", "mcpOAuth": "FAKE-mcp"})
		r.claude = at
		r.server.Set(func(b *fakeclaude.Behaviour) {
			if !ids {
				b.Omit = []string{"account", "organization"}
				b.Refuse = map[string]int{"profile": 500}
			}
		})
		r.renewed("")
		r.follows(dir)
		data, _ := os.ReadFile(filepath.Join(dir, ".credentials.json"))
		for _, want := range []string{"FAKE-device", "FAKE-mcp"} {
			if !strings.Contains(string(data), want) {
				t.Errorf("ids %v: %s is gone after a renewal", ids, want)
			}
		}
	}
}

// A state file that cannot be replaced goes on naming whom it names: whoever mirrors is told.
func TestStateFileThatCannotBeTold(t *testing.T) {
	r := newRig(t)
	r.account = "ann"
	ann := r.signIn(time.Hour)
	bob := r.issued("b@example.com", time.Hour)
	r.keep("bob", bob)
	r.namedIn(r.claude, ann)
	state := filepath.Join(r.claude, ".claude.json")
	if err := os.Link(state, state+".backup"); err != nil {
		t.Skip("this file system has no hard links")
	}
	for range 2 { // the second time it is in step already
		told, err := r.start().On("bob").Mirror(t.Context())
		if err != nil || told.Values.Unnamed == "" {
			t.Errorf("told %+v, %v", told, err)
		}
	}
}
