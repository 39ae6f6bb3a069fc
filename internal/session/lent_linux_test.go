package session

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// fill leaves no room on the disk that dir is on, and returns what makes some again.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLendToAFullDisk: nothing half is written, nothing is noted that is not there, and a
// place that was lent to before keeps what it has until there is room.
func TestLendToAFullDisk(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	for name, o := range map[string]func(disk string) LendOptions{
		"here":        func(disk string) LendOptions { return LendOptions{Dir: filepath.Join(disk, ".claude")} },
		"on a host":   func(string) LendOptions { return LendOptions{SSH: "host"} },
		"a container": func(string) LendOptions { return LendOptions{Container: "box"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(8 * time.Hour)
			disk := t.TempDir()
			testguard.Tmpfs(t, disk, "64k")
			run := "\nHOME='" + disk + "' exec "
			bin := t.TempDir()
			testguard.Script(t, filepath.Join(bin, "ssh"), "for command; do :; done"+run+`sh -c "$command"`)
			testguard.Script(t, filepath.Join(bin, "docker"), "shift 3"+run+`"$@"`)
			t.Setenv("PATH", bin+":/usr/bin:/bin")
			dir := filepath.Join(disk, ".claude")

			free := fill(t, disk)
			_, err := r.start().Lend(t.Context(), o(disk))
			known := &Error{}
			if !errors.As(err, &known) || known.Code != "not-lent" ||
				!strings.Contains(strings.ToLower(known.Error()), "no space left on device") {
				t.Fatalf("%v", err)
			}
			if left, _ := r.start().Lent(t.Context()); len(left) != 0 {
				t.Errorf("noted as lent: %+v", left)
			}
			if text, err := os.ReadFile(filepath.Join(dir, ".credentials.json")); err == nil {
				t.Errorf("%d bytes were written", len(text))
			}
			free()
			if _, err := r.start().Lend(t.Context(), o(disk)); err != nil {
				t.Fatal(err)
			}

			free = fill(t, disk)
			before := r.stored()
			if _, err := r.start().Renew(t.Context(), true); err != nil {
				t.Fatalf("the renewal was held up: %v", err)
			}
			if held := r.lent(dir).Login; !held.Access.Equal(before.Access) {
				t.Error("the entry is not the old one any more")
			}
			left, err := r.start().Lent(t.Context())
			if err != nil || len(left) != 1 || left[0].State != PlaceUnreachable {
				t.Fatalf("%+v, %v", left, err)
			}
			why, _ := json.Marshal(left[0].Because)
			if !strings.Contains(strings.ToLower(string(why)), "no space left") {
				t.Errorf("it stays behind by %s", why)
			}
			free()
			r.pass(2 * time.Minute)
			r.start().tending().tendNow(t.Context())
			r.follows(dir)
			for _, name := range testguard.Names(t, dir) {
				if strings.Contains(name, "keytender") || strings.Contains(name, ".tmp") ||
					strings.HasSuffix(name, ".lock") {
					t.Errorf("%s is left behind", name)
				}
			}
		})
	}
}
