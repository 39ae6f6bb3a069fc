package autostart

import (
	"context"
	"encoding/xml"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"keytender/internal/testguard"
	"keytender/tray/autostart/launchagent"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

// paths that have to survive every way of quoting.
var paths = []string{"/opt/keytender/keytender-tray", "/home/a b/100% $HOME/`x`/\"q\"/back\\slash/tray",
	"/home/ä/日本/<&>'/tray"}

// entries are all kinds of files, on whatever system the test runs.
func entries(dir string) map[string]file {
	return map[string]file{"desktop file": desktopFile(dir),
		"LaunchAgent": {filepath.Join(dir, "LaunchAgents", "app.plist"), launchagent.Render, launchagent.Parse},
		"LaunchAgent of the agent": {filepath.Join(dir, "AgentAgents", "agent.plist"), launchagent.RenderAgent,
			launchagent.Parse}}
}

// TestUnit: the person's own unit is what the packages ship, is enabled by the link that
// systemctl makes, and one of a package that is enabled counts, too.
func TestUnit(t *testing.T) {
	shipped, err := os.ReadFile("../../packaging/keytender.service")
	if err != nil || strings.ReplaceAll(string(shipped), "\r\n", "\n") != renderUnit("keytender") {
		t.Errorf("the packages ship another one (%v):\n%s", err, shipped)
	}
	for _, path := range []string{"/a", "/a b/100%/$x/日本", "/a;b", "/#"} {
		if got, on := parseUnit(renderUnit(path)); got != path || !on {
			t.Errorf("%q reads as %q", path, got)
		}
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "keytender")
	testguard.Write(t, program, "")
	u := userUnit(dir)
	e := &Entry{program, u}
	want := func(what string, on bool) {
		t.Helper()
		if s, err := e.State(); err != nil || s.On != on || on && s.Program != program {
			t.Errorf("%s: %+v (%v)", what, s, err)
		}
	}
	want("at first", false)
	for _, odd := range []string{`/a"b`, "/a'b", `/a\b`, "/a\nb"} {
		if err := (&Entry{odd, u}).Set(true); err == nil || testguard.Exists(u.path) {
			t.Errorf("%q: %v", odd, err)
		}
	}
	if err := e.Set(false); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := e.Set(true); err != nil {
			t.Skip(err) // no links here
		}
		want("on", true)
	}
	if target, err := os.Readlink(filepath.Join(dir, "systemd", "user", "default.target.wants",
		"keytender.service")); err != nil || filepath.ToSlash(target) != "../keytender.service" {
		t.Errorf("enabled as %q (%v)", target, err)
	}
	if err := os.Remove(u.link()); err != nil {
		t.Fatal(err)
	}
	want("disabled by systemctl", false)

	// A package's, enabled by the person.
	packaged := filepath.Join(dir, "lib", unitName)
	if err := os.Mkdir(filepath.Dir(packaged), 0o700); err != nil {
		t.Fatal(err)
	}
	testguard.Write(t, packaged, renderUnit(program))
	if err := os.Remove(u.path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packaged, u.link()); err != nil {
		t.Fatal(err)
	}
	want("a package's", true)
	for range 2 {
		if err := e.Set(false); err != nil {
			t.Fatal(err)
		}
	}
	want("off", false)
	if !testguard.Exists(packaged) || testguard.Exists(filepath.Dir(u.link())) {
		t.Error("the package's file is gone, or an empty folder is left")
	}
}

func TestOnAndOff(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "keytender-tray")
	testguard.Program(t, program, nil)
	for name, f := range entries(dir) {
		e := &Entry{program, f}
		want := func(what string, want State) {
			t.Helper()
			want.Place = f.path
			if got, err := e.State(); err != nil || got != want {
				t.Errorf("%s, %s: %+v (%v), want %+v", name, what, got, err, want)
			}
		}
		want("at first", State{})
		for range 2 {
			if err := e.Set(true); err != nil {
				t.Fatal(err)
			}
			want("on", State{On: true, Program: program})
		}
		if info, err := os.Stat(f.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v (%v)", name, info.Mode(), err)
		}
		left, _ := filepath.Glob(filepath.Join(filepath.Dir(f.path), "*"))
		hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(f.path), ".*"))
		if len(left) != 1 || len(hidden) != 0 {
			t.Errorf("%s: left behind %v %v", name, left, hidden)
		}
		for range 2 {
			if err := e.Set(false); err != nil {
				t.Fatal(err)
			}
			want("off", State{})
		}
	}
}

func TestPathsSurvive(t *testing.T) {
	for name, f := range entries("/x") {
		for _, path := range paths {
			text := f.render(path)
			if got, on := f.parse(text); got != path || !on {
				t.Errorf("%s: %q reads as %q, %v:\n%s", name, path, got, on, text)
			}
		}
	}
	if got, want := quoteExec("/a$b\\c%d"), `"/a\\$b\\\\c%%d"`; got != want {
		t.Errorf("Exec is %s, want %s", got, want)
	}
	if err := xml.Unmarshal([]byte(launchagent.Render(paths[2])), new(struct{})); err != nil {
		t.Error(err)
	}
	const app = "/Applications/Keytender.app/Contents/MacOS/keytender-tray"
	if text := launchagent.Render(app); !strings.Contains(text, "<string>"+launchagent.BundleID+"</string>") ||
		strings.Contains(launchagent.Render(paths[0]), launchagent.BundleID) {
		t.Errorf("the LaunchAgent of the bundle's program:\n%s", text)
	} else if got, on := launchagent.Parse(text); got != app || !on {
		t.Errorf("it reads as %q, %v", got, on)
	}
	if got, on := launchagent.Parse(launchagent.RenderAgent("/x")); got != "/x" || !on ||
		xml.Unmarshal([]byte(launchagent.RenderAgent(paths[2])), new(struct{})) != nil {
		t.Errorf("the agent's LaunchAgent reads as %q, %v", got, on)
	}
	for _, path := range []string{`C:\Program Files\Keytender\keytender-tray.exe`, `C:\k.exe`} {
		if got := runProgram(runCommand(path)); got != path {
			t.Errorf("the Run key's %q reads as %q", path, got)
		}
	}
	if got := runProgram(`C:\k.exe --quiet`); got != `C:\k.exe` {
		t.Errorf("without quotes: %q", got)
	}
}

// TestTurnedOffElsewhere: the systems' own settings turn an entry off in their own
// ways, and it stays off.
func TestTurnedOffElsewhere(t *testing.T) {
	for _, c := range []struct {
		text  string
		parse func(string) (string, bool)
		on    bool
	}{
		{"[Desktop Entry]\nExec=/x\n", parseDesktop, true},
		{"[Desktop Entry]\nExec=/x\nHidden=true\n", parseDesktop, false},
		{"[Desktop Entry]\nX-GNOME-Autostart-enabled=false\nExec=/x\n", parseDesktop, false},
		{"[Desktop Entry]\nExec=/x\n[Desktop Action a]\nHidden=true\n", parseDesktop, true},
		{"[Other]\nExec=/x\n", parseDesktop, false},
		{"", parseDesktop, false},
		{strings.Replace(launchagent.Render("/x"), "<true/>", "<false/>", 1), launchagent.Parse, false},
		{strings.Replace(launchagent.Render("/x"), "<dict>", "<dict><key>Disabled</key><true/>", 1), launchagent.Parse,
			false},
		{"no plist", launchagent.Parse, false},
	} {
		if _, on := c.parse(c.text); on != c.on {
			t.Errorf("on is %v for %s", on, c.text)
		}
	}
	if !approved(nil) || !approved([]byte{2, 0}) || approved([]byte{3, 0, 0}) {
		t.Error("the task manager's note is misread")
	}
}

func TestMend(t *testing.T) {
	dir := t.TempDir()
	old, now := filepath.Join(dir, "old"), filepath.Join(dir, "new")
	for _, path := range []string{old, now} {
		testguard.Program(t, path, nil)
	}
	f := desktopFile(dir)
	mend := func(what, want string) {
		t.Helper()
		if err := (&Entry{now, f}).Mend(); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := f.read(); got != want {
			t.Errorf("%s: it starts %q, want %q", what, got, want)
		}
	}
	mend("off", "")
	if err := (&Entry{old, f}).Set(true); err != nil {
		t.Fatal(err)
	}
	mend("another one that is there", old)
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	mend("one that is gone", now)
}

// TestProgramIsALinkThatLeadsToIt: an update turns the link, and takes away what it led to.
func TestProgramIsALinkThatLeadsToIt(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, name := range []string{"1.0", "other", "bin"} {
		if err := os.Mkdir(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	testguard.Write(t, at("1.0/keytender"), "")
	testguard.Write(t, at("other/keytender"), "")
	if err := os.Symlink(at("1.0/keytender"), at("bin/keytender")); err != nil {
		t.Skip(err) // no links here
	}
	self, all := at("1.0/keytender"), []string{"", at("none"), at("other"), at("bin"), at("1.0")}
	for _, c := range []struct{ called, want string }{
		{"keytender", at("bin/keytender")}, {at("bin/keytender"), at("bin/keytender")}, {self, self},
		{at("other/keytender"), self}, {"login", self}, {"", self},
	} {
		if got := lasting(self, c.called, all); got != c.want {
			t.Errorf("called %q: %s, want %s", c.called, got, c.want)
		}
	}
	t.Chdir(at("bin"))
	if got := lasting(self, filepath.FromSlash("./keytender"), nil); got != at("bin/keytender") {
		t.Errorf("called by a relative path: %s", got)
	}
	if got := lasting(at("gone"), "keytender", all); got != at("gone") {
		t.Errorf("a file that is not there any more: %s", got)
	}
}

// TestNameThatTheSessionLooksFor: what the packages ship names no path, and nobody can say that
// it is gone.
func TestNameThatTheSessionLooksFor(t *testing.T) {
	f := desktopFile(t.TempDir())
	e := &Entry{"keytender-tray", f}
	if err := e.Set(true); err != nil {
		t.Fatal(err)
	}
	if s, err := e.State(); err != nil || !s.On || s.Stale {
		t.Errorf("%+v (%v)", s, err)
	}
}

func TestChangesAreReported(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	e := &Entry{"/x", desktopFile(dir)} // its folder is not there yet
	changed := e.Changes(ctx)
	for _, on := range []bool{true, false, true} {
		if err := e.Set(on); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
		case <-time.After(testguard.Patience):
			t.Fatalf("turning it to %v was not reported", on)
		}
		time.Sleep(50 * time.Millisecond) // the rest of its events
		select {
		case <-changed:
		default:
		}
	}
	// Watched anew: late events of what was done above are no others' then.
	cancel()
	for range changed { // closes
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	changed = e.Changes(ctx)
	if err := os.WriteFile(filepath.Join(dir, "autostart", "other.desktop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
		t.Error("another program's entry was reported")
	case <-time.After(50 * time.Millisecond):
	}
}

func TestCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "autostart"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Entry{"/x", desktopFile(dir)}).Set(true); err == nil {
		t.Error("a file in the folder's place was no error")
	}
	dir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "autostart", "keytender.desktop"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Entry{"/x", desktopFile(dir)}).State(); err == nil {
		t.Error("a folder in the file's place was no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(renderDesktop(paths[1]))
	f.Add(launchagent.Render(paths[2]))
	f.Add("[Desktop Entry]\nExec=\"\\\\")
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (string, bool){parseDesktop, launchagent.Parse, parseUnit} {
			if program, on := parse(text); on && program == "" {
				t.Error("on, and starts nothing")
			}
		}
		if strings.ContainsRune(text, 0) {
			return
		}
		if !strings.ContainsRune(text, '"') && runProgram(runCommand(text)) != text {
			t.Errorf("%q becomes %q", text, runProgram(runCommand(text)))
		}
		if got, _ := parseDesktop(renderDesktop("/" + text)); got != "/"+text && !strings.ContainsAny(text, "\r") {
			t.Errorf("%q reads as %q", "/"+text, got)
		}
	})
}
