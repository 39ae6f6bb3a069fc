//go:build !windows

package session

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// withClaude puts a shell script in the place of the official client.
func withClaude(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	testguard.Script(t, filepath.Join(bin, "claude"), script)
	t.Setenv("PATH", bin+":/usr/bin:/bin")
}

func TestClaudeVersions(t *testing.T) {
	limits := ClaudeLimits
	t.Cleanup(func() { ClaudeLimits = limits })
	ClaudeLimits.Version, ClaudeLimits.EndGrace = 500*time.Millisecond, 50*time.Millisecond
	tests := []struct {
		script, version string
		code            Code
	}{
		{"echo '2.1.329 (Claude Code)'", "2.1.329", ""},
		{"echo '2.1.88 (Claude Code)'; exit 3", "2.1.88", ""},
		{"echo '3.0.0-beta.1 (Claude Code)'", "3.0.0", ""},
		{"echo '2.1.87 (Claude Code)'", "2.1.87", "claude-too-old"},
		{"echo '2.0.76 (Claude Code)'", "2.0.76", "claude-too-old"},
		{"echo '1.0.128 (Claude Code)'", "1.0.128", "claude-too-old"},
		{"echo 2.1.329", "2.1.329", ""},
		{"exit 1", "", ""},
		{"true", "", ""},
		{"echo 'claude v9.9.9'", "9.9.9", ""},
		{"echo 'FAKE notice: an update is there'; echo; echo '2.1.329 (Claude Code)'; echo 1.0.0", "2.1.329", ""},
		{"echo 'FAKE 2.1.87'", "2.1.87", "claude-too-old"},
		{"echo 'FAKE 2.1'; echo 99999.1.1", "", ""},
		{"head -c 300000 /dev/zero", "", ""},
		{"trap '' TERM INT; exec sleep 2", "", "claude-hangs"},
	}
	for _, test := range tests {
		withClaude(t, test.script)
		e := newRig(t).start()
		version, err := e.doctor().claudeVersion(t.Context())
		code := Code("")
		if known := (&Error{}); errors.As(err, &known) {
			code = known.Code
			if known.Exit != ExitFailed || known.Fault == "" {
				t.Errorf("%s: exit %d, %v", test.script, known.Exit, known)
			}
		}
		if version != test.version || code != test.code || err != nil && strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: %q, %q, want %q, %q", test.script, version, code, test.version, test.code)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := newRig(t).start().doctor().claudeVersion(t.Context()); faultOf(err) != FaultNoClaude {
		t.Errorf("without a claude: %v", err)
	}
}

// TestClaudeOutsideOfThePath: what a desktop starts has a short PATH, and the
// client is found where its installers put it.
func TestClaudeOutsideOfThePath(t *testing.T) {
	home, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", "/usr/bin:/bin")
	ClaudePlaces = []string{"~/folder/claude", "~/text/claude", "~/link/claude", filepath.Join(elsewhere, "claude")}
	t.Cleanup(func() { ClaudePlaces = nil })
	found := func(want string) {
		t.Helper()
		version, err := newRig(t).start().doctor().claudeVersion(t.Context())
		if version != want || err == nil == (want == "") {
			t.Errorf("found %q (%v), want %q", version, err, want)
		}
	}
	for _, dir := range []string{"folder/claude", "text", "link", "program"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "text", "claude"), []byte("#!/bin/sh\necho 2.2.1\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	found("")
	// What starts it lies beside it, as node does.
	testguard.Script(t, filepath.Join(elsewhere, "its-node"), "echo 2.2.2")
	testguard.Script(t, filepath.Join(elsewhere, "claude"), "exec its-node")
	found("2.2.2")
	testguard.Script(t, filepath.Join(home, "program", "2.2.3"), "echo 2.2.3")
	if err := os.Symlink(filepath.Join(home, "program", "2.2.3"), filepath.Join(home, "link", "claude")); err != nil {
		t.Fatal(err)
	}
	found("2.2.3")
	withClaude(t, "echo 2.2.4")
	found("2.2.4")

	for goos, want := range map[string]string{"darwin": "/opt/homebrew/bin/claude", "linux": "~/.local/bin/claude",
		"windows": "~/.local/bin/claude.exe"} {
		if !slices.Contains(claudePlaces(goos), want) {
			t.Errorf("%s: %v", goos, claudePlaces(goos))
		}
	}
}

// TestClaudeIsNeverKilled: a client that ignores every request to end is left to
// itself, and lives on.
func TestClaudeIsNeverKilled(t *testing.T) {
	limits := ClaudeLimits
	t.Cleanup(func() { ClaudeLimits = limits })
	ClaudeLimits.EndGrace = 50 * time.Millisecond
	proof := filepath.Join(t.TempDir(), "alive")
	withClaude(t, `[ "$1" = --version ] && { echo '2.1.329 (Claude Code)'; exit; }
trap '' TERM INT
sleep 1
echo yes >'`+proof+`'
`)
	e := newRig(t).start()
	_, err := e.SignInWithClaude(t.Context(), SignInOptions{Timeout: 200 * time.Millisecond}, Terminal{Out: os.Stderr},
		func(Event) {})
	known := &Error{}
	if !errors.As(err, &known) || known.Exit != ExitTimedOut {
		t.Fatalf("got %v", err)
	}
	for deadline := time.Now().Add(testguard.Patience); ; time.Sleep(10 * time.Millisecond) {
		if text, _ := os.ReadFile(proof); len(text) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it was killed")
		}
	}
}

// TestPromptUsesItsOwnLogin: the prompt runs in our folder, without the variables
// that stand before the login, and with the folder that our configuration names.
func TestPromptUsesItsOwnLogin(t *testing.T) {
	r := newRig(t, "KEYTENDER_REFRESH_WITH=claude", "ANTHROPIC_AUTH_TOKEN=FAKE-token")
	t.Setenv("ANTHROPIC_AUTH_TOKEN", "FAKE-token")
	seen := filepath.Join(t.TempDir(), "seen")
	withClaude(t, `[ "$1" = --version ] && { echo '2.1.329 (Claude Code)'; exit; }
{ echo "args $*"; pwd; env; wc -c; } >'`+seen+`'
exit 1
`)
	r.signIn(time.Minute)
	r.pass(2 * time.Minute)
	_, err := r.start().Renew(t.Context(), false)
	if faultOf(err) != FaultStillExpired {
		t.Fatalf("by the claude program: %v", err)
	}
	text, _ := os.ReadFile(seen)
	got := string(text)
	for _, want := range []string{"args -p . --model claude-haiku-4-5\n", filepath.Join(r.home, "state") + "\n",
		"CLAUDE_CONFIG_DIR=" + r.claude + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "ANTHROPIC_AUTH_TOKEN") || !strings.HasSuffix(strings.TrimSpace(got), "0") {
		t.Errorf("it got more than it needs:\n%s", got)
	}
	if n := r.server.Count("renew"); n != 0 {
		t.Errorf("keytender renewed itself, %d times", n)
	}
}

// TestClaudeRenewsWhatLiesElsewhereToo: the client spends what other entries hold as well.
func TestClaudeRenewsWhatLiesElsewhereToo(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	withClaude(t, `[ "$1" = --version ] && { echo '2.1.329 (Claude Code)'; exit; }
: >'`+ran+`'
`)
	prepare := func(t *testing.T) (r *rig, home, work string) {
		r = newRig(t, "KEYTENDER_REFRESH_WITH=claude")
		r.signIn(time.Minute)
		home, work = r.claude, r.beside("work")
		r.goTo(work)
		if err := os.Mkdir(work, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := r.start().Mirror(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r, home, work
	}
	t.Run("renewed there", func(t *testing.T) {
		r, home, _ := prepare(t)
		r.writeEntry(r.renewElsewhere(r.stored()))
		r.goTo(home)
		r.pass(2 * time.Minute)
		r.renewed("")
		r.mended()
	})
	t.Run("cannot be written there", func(t *testing.T) {
		r, home, work := prepare(t)
		if err := os.WriteFile(filepath.Join(work, ".storage-write.lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r.goTo(home)
		r.pass(2 * time.Minute)
		if _, err := r.start().Renew(t.Context(), false); exitOf(err) != ExitTryLater {
			t.Errorf("%v", err)
		}
	})
	if _, err := os.Stat(ran); err == nil {
		t.Error("Claude Code was made to spend what is spent already, or what could not be carried")
	}
}

// What the client prints about itself: a version, and whose login it uses.
func FuzzClaudeSays(f *testing.F) {
	for _, text := range []string{"2.1.329 (Claude Code)", "2.0.76 (Claude Code)\n", "", "99999.1.1 (Claude Code)",
		"2.1 (Claude Code)", "claude v2.1.329",
		`{"loggedIn":true,"authMethod":"claude.ai","email":"a@example.com","orgId":"org"}`,
		`{"loggedIn":true,"authMethod":"claude.ai","email":"a@example.com\u001b[2J","orgId":"org"}`,
		`{"loggedIn":true,"authMethod":"api_key","email":"a@example.com","orgId":"org"}`, `{"loggedIn":"true"}`,
		`{"loggedIn":true,"authMethod":"claude.ai","email":["@"],"orgId":"org"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if found := versionNumber().FindStringSubmatch(text); found != nil &&
			(len(found) != 4 || !strings.Contains(text, strings.Join(found[1:], "."))) {
			t.Errorf("%q: %q", text, found)
		}
		email := saidEmail([]byte(text), "org")
		if saidEmail([]byte(text), "") != "" {
			t.Error("an e-mail of no organization")
		}
		var plain map[string]any
		if json.Unmarshal([]byte(text), &plain) == nil && email != "" &&
			(email != plain["email"] || plain["loggedIn"] != true || plain["orgId"] != "org") && !hasOtherCase(plain) {
			t.Errorf("%q out of %q", email, text)
		}
		if strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r > '~' }) || len(email) > 254 {
			t.Errorf("shown: %q", email)
		}
	})
}

// hasOtherCase: encoding/json takes a key in another case for the field too.
func hasOtherCase(object map[string]any) bool {
	for key := range object {
		if !slices.Contains([]string{"loggedIn", "authMethod", "email", "orgId"}, key) {
			return true
		}
	}
	return false
}

func TestShownEmail(t *testing.T) {
	for text, want := range map[string]string{"a@example.com": "a@example.com", "": "", "nobody": "", "a@b\x1b[2J": "",
		"a b@example.com": "", strings.Repeat("a", 255) + "@b": ""} {
		if got := emailLike(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// What the client took out of its entry for a login that did not come, or that is not taken
// over, can be put back as the hint says it.
func TestLoginThatMadeRoomForNone(t *testing.T) {
	short(t)
	for name, c := range map[string]struct {
		script   string
		occupied bool
	}{
		"deleted":   {script: `rm "$CLAUDE_CONFIG_DIR/.credentials.json"; exit 1`},
		"blanked":   {script: `echo '{"claudeAiOauth":{"accessToken":""}}' >"$CLAUDE_CONFIG_DIR/.credentials.json"`},
		"cut":       {script: `echo '{"claudeAiOauth":{"acc' >"$CLAUDE_CONFIG_DIR/.credentials.json"`},
		"unchanged": {script: `exit 1`},
		"another's": {script: `cp "$CLAUDE_CONFIG_DIR/new" "$CLAUDE_CONFIG_DIR/.credentials.json"`, occupied: true},
	} {
		t.Run(name, func(t *testing.T) {
			withClaude(t, `[ "$1" = --version ] && { echo '2.1.329 (Claude Code)'; exit; }
[ "$1 $2" = "auth login" ] || exit 1
`+c.script)
			r := newRig(t)
			x, new := r.issued("x@example.com", time.Hour), r.issued("b@example.com", time.Hour)
			r.writeEntry(new)
			if err := os.Rename(r.entryFile(), filepath.Join(r.claude, "new")); err != nil {
				t.Fatal(err)
			}
			r.writeEntry(x)
			_, err := r.start().SignInWithClaude(t.Context(), SignInOptions{Expect: "a@example.com"}, Terminal{},
				func(Event) {})
			known := &Error{}
			if !errors.As(err, &known) || known.Values.Occupied != c.occupied ||
				(known.Values.Displaced != "") != (name != "unchanged") {
				t.Fatalf("%v, %+v", err, known)
			}
			if c.occupied || name == "cut" { // as `claude auth logout` and `doctor --fix` leave it
				if err := os.Remove(r.entryFile()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.start().Undo(t.Context()); (err != nil) != (name == "unchanged") {
				t.Errorf("%v", err)
			}
			if !r.entry().Login.SamePair(x) {
				t.Error("the login that was there is lost")
			}
		})
	}
}
