package notify

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInBundle(t *testing.T) {
	const id, app = "keytender.tray", "/Applications/Keytender.app"
	for _, c := range []struct {
		identifier, bundle, program string
		want                        bool
	}{
		{id, app, app + "/Contents/MacOS/keytender-tray", true},
		{id, "/Users/a b/Keytender.APP", "/Users/a b/Keytender.APP/Contents/MacOS/keytender-tray", true},
		{"", app, app + "/Contents/MacOS/keytender-tray", false},
		{"", "/usr/local/bin", "/usr/local/bin/keytender-tray", false},
		// An identifier can be built into a bare program, and a helper can lie elsewhere in a bundle.
		{id, "/usr/local/bin", "/usr/local/bin/keytender-tray", false},
		{id, app + "/Contents/Resources", app + "/Contents/Resources/keytender-tray", false},
		{id, app, app + "/Contents/Resources/keytender-tray", false},
		{id, app, "/usr/local/bin/keytender-tray", false},
		{id, "", "Contents/MacOS/keytender-tray", false},
	} {
		if got := inBundle(c.identifier, c.bundle, c.program); got != c.want {
			t.Errorf("%q %q %q: %v", c.identifier, c.bundle, c.program, got)
		}
	}
}

func TestFuse(t *testing.T) {
	f := fuse{filepath.Join(t.TempDir(), "fuse")}
	for range 2 {
		stood := false
		if !f.try(func() { _, err := os.Stat(f.path); stood = err == nil }) || !stood || f.blown() {
			t.Fatal("a try that ended well was not one")
		}
	}
	// What is tried ends the program: nothing behind it runs.
	func() {
		defer func() { _ = recover() }()
		f.try(func() { panic("the end") })
	}()
	if !f.blown() || f.try(func() { t.Error("it was tried again") }) {
		t.Error("nothing was learned")
	}
	// Another version may do better.
	if err := os.WriteFile(f.path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f.blown() || !f.try(func() {}) {
		t.Error("another version's end counts")
	}
	if (fuse{filepath.Join(f.path, "x", "y")}).try(func() { t.Error("tried unnoted") }) || (fuse{}).try(func() {}) {
		t.Error("tried without a note")
	}
}
