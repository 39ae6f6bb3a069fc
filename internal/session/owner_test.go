package session

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestNotOurs(t *testing.T) {
	const ann, bob = 1000, 1001
	tests := []struct {
		name  string
		uid   int
		home  string
		where string // of state and credentials
		entry string
		owned map[string]int
		want  string // what is said; empty: may write
	}{
		{"a person", ann, "/home/ann", "/home/ann/.local", "/home/ann/.claude/e", map[string]int{"/home/ann": ann}, ""},
		{"root at home", 0, "/root", "/root/.local", "/root/.claude/e", map[string]int{"/root": 0}, ""},
		{"root in a container whose home is missing", 0, "/nowhere", "/nowhere/.local", "/nowhere/.claude/e", nil, ""},
		{"root without a home", 0, "", "/data", "/data/e", map[string]int{"/data": ann}, ""},
		{"root over a person's home", 0, "/home/ann", "/home/ann/.local", "/home/ann/.claude/e",
			map[string]int{"/home/ann": ann}, "home-not-yours: 1000, /home/ann"},
		{"root over the entry alone", 0, "/home/ann", "/srv/kt", "/home/ann/.claude/e",
			map[string]int{"/home/ann": ann, "/srv": 0}, "home-not-yours: 1000, /home/ann"},
		{"root over a volume of a person", 0, "/root", "/data/kt", "/root/.claude/e",
			map[string]int{"/root": 0, "/data": ann}, ""},
		{"nothing of that home is theirs", 0, "/home/ann", "/home/ann/.local", "/home/ann/.claude/e",
			map[string]int{"/home/ann": ann, "/home/ann/.local": 0, "/home/ann/.claude": 0}, ""},
		{"nothing in that home", 0, "/home/ann", "/srv/kt", "/srv/claude/e",
			map[string]int{"/home/ann": ann, "/srv": 0}, ""},
		{"another's state", ann, "/home/ann", "/srv/kt", "/home/ann/.claude/e",
			map[string]int{"/home/ann": ann, "/srv/kt/state": bob}, "folder-not-yours: 1001, /srv/kt/state"},
		{"root's state", ann, "/home/ann", "/home/ann/.local", "/home/ann/.claude/e", map[string]int{"/home/ann": ann,
			"/home/ann/.local/state": 0}, "folder-not-yours: 0, /home/ann/.local/state"},
		{"root over a person's state", 0, "/root", "/srv/kt", "/root/.claude/e",
			map[string]int{"/root": 0, "/srv/kt/state": ann}, "folder-not-yours: 1000, /srv/kt/state"},
		{"Windows", -1, "C:/Users/ann", "C:/kt", "C:/c", map[string]int{"C:/kt/state": ann}, ""},
	}
	for _, test := range tests {
		owner := func(path string) (int, error) {
			path = filepath.ToSlash(path) // these are another system's where the test runs on Windows
			if uid, ok := test.owned[path]; ok {
				return uid, nil
			}
			if path == "/" || path == "/home" {
				return 0, nil
			}
			return 0, fs.ErrNotExist
		}
		err := runner{test.uid, test.home, owner}.notOurs(test.where+"/state",
			[]string{test.where + "/state", test.where + "/credentials.json", test.entry})
		known := &Error{}
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (!errors.As(err, &known) || known.Exit != ExitFailed || known.Error() != test.want):
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestRootOverAnothersHome: for real, where we are root. Nothing is made there and nothing sent.
func TestRootOverAnothersHome(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		t.Skip("only root can")
	}
	r := newRig(t)
	r.signIn(-time.Minute)
	home := t.TempDir()
	if err := os.Chown(home, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	if _, err := r.start().Token(t.Context(), 0); err != nil {
		t.Errorf("nothing of ours lies in that home: %v", err)
	}
	r.environ["CLAUDE_CONFIG_DIR"] = filepath.Join(home, ".claude")
	sent := r.posts()
	e := r.start()
	for name, act := range map[string]func() error{
		"refresh": func() error { _, err := e.Renew(t.Context(), true); return err },
		"mirror":  func() error { _, err := e.Mirror(t.Context()); return err },
		"login":   func() error { _, err := e.SignIn(t.Context(), SignInOptions{}, func(Event) {}); return err },
		"logout":  func() error { _, err := e.SignOut(t.Context(), SignOutOptions{}); return err },
		"claude": func() error {
			_, err := e.SignInWithClaude(t.Context(), SignInOptions{}, Terminal{}, func(Event) {})
			return err
		},
	} {
		known := &Error{}
		if err := act(); !errors.As(err, &known) || known.Code != "not-yours" || known.Exit != ExitFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, _ := os.ReadDir(home); len(left) > 0 || r.posts() != sent {
		t.Errorf("made there: %v, sent: %d", left, r.posts()-sent)
	}
	if err := os.Chown(r.start().config.Paths.State, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	r.environ["CLAUDE_CONFIG_DIR"] = r.claude
	if _, err := r.start().Renew(t.Context(), true); faultOf(err) != FaultFolderNotYours {
		t.Errorf("a state folder of another user: %v", err)
	}
}
