package autostart

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows/registry"

	"keytender/internal/testguard"
)

// TestRunKey: on and off in the registry itself, in keys that Windows does not look at, so that
// nothing starts with the session of whoever runs the tests.
func TestRunKey(t *testing.T) {
	const below = `Software\keytender-test`
	r := run{below + `\Run`, below + `\StartupApproved`}
	t.Cleanup(func() {
		for _, path := range []string{r.key, r.notes, below} {
			if err := registry.DeleteKey(registry.CURRENT_USER, path); err != nil &&
				!errors.Is(err, registry.ErrNotExist) {
				t.Error(err)
			}
		}
	})
	program := filepath.Join(t.TempDir(), "keytender tray.exe")
	testguard.Write(t, program, "")
	e := &Entry{program, r}
	want := func(what string, want State) {
		t.Helper()
		want.Place = r.String()
		if got, err := e.State(); err != nil || got != want {
			t.Errorf("%s: %+v (%v), want %+v", what, got, err, want)
		}
	}
	set := func(on bool) {
		t.Helper()
		if err := e.Set(on); err != nil {
			t.Fatal(err)
		}
	}
	want("at first", State{})
	set(false)
	set(true)
	want("on", State{On: true, Program: program})

	// The task manager's note of an entry that a person turned off there.
	notes, _, err := registry.CreateKey(registry.CURRENT_USER, r.notes, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer notes.Close()
	if err := notes.SetBinaryValue(runName, []byte{3, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	want("off in the task manager", State{Program: program})
	set(true)
	want("on again", State{On: true, Program: program})
	if _, _, err := notes.GetBinaryValue(runName); err == nil {
		t.Error("the task manager's note is still there")
	}

	// Others have values in both keys.
	key, err := registry.OpenKey(registry.CURRENT_USER, r.key, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if err := key.SetStringValue("Other", "other.exe"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		set(false)
		want("off", State{})
	}
	if command, _, err := key.GetStringValue("Other"); err != nil || command != "other.exe" {
		t.Errorf("another program's value is %q (%v)", command, err)
	}
}
