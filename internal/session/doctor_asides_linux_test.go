package session

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keytender/keychain"
)

// liesAnywhere reports whether a token stands in some file below the test's folder.
func (r *rig) liesAnywhere(token string) (found bool) {
	r.t.Helper()
	err := filepath.WalkDir(filepath.Dir(r.home), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || strings.Contains(string(data), token)
		return err
	})
	r.must(err)
	return found
}

// cutStore damages our own store.
func (r *rig) cutStore() {
	r.t.Helper()
	text := r.storeText()
	r.must(os.WriteFile(r.storeFile(), []byte(text[:len(text)-3]), 0o600))
}

// A sign-out after a repair takes with it what was moved aside, or names it.
func TestSignOutOfWhatWasMovedAside(t *testing.T) {
	for name, begin := range map[string]func(*rig) (account string, c keychain.Credential){
		"our store": func(r *rig) (string, keychain.Credential) {
			second := r.twoDirectories()
			r.cutStore()
			r.mendAll()
			return "work", second
		},
		"a spilled pair that was cut off": func(r *rig) (string, keychain.Credential) {
			second := r.twoDirectories()
			damaged := r.state("spill-work.json.damaged")
			record, _ := second.Encode()
			r.must(os.WriteFile(damaged, []byte(record.Reveal()[:len(record.Reveal())-2]), 0o600))
			r.must(os.Chtimes(damaged, r.now().Add(-2*time.Hour), r.now().Add(-2*time.Hour)))
			r.mendAll()
			return "work", second
		},
		"an entry, after a sign-out that could not read it": func(r *rig) (string, keychain.Credential) {
			r.keep("bob", r.other())
			c := r.signIn(time.Hour)
			r.damage(cutOff)
			if _, err := r.start().On("default").SignOut(r.t.Context(), SignOutOptions{}); err == nil {
				r.t.Fatal("the damaged entry was not told")
			}
			r.mendAll()
			return "default", c
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			account, c := begin(r)
			steps, err := r.start().On(account).SignOut(t.Context(), SignOutOptions{})
			told := slices.ContainsFunc(steps, func(s Step) bool { return s.Remark == RemarkAsideStays })
			if err == nil && !told && r.liesAnywhere(c.Refresh.Reveal()) {
				t.Errorf("success, and the login still lies there, untold: %v", steps)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Somebody else's login that was displaced lies in the damaged store alone.
func TestSignOutLeavesADisplacedLoginThatWasMovedAside(t *testing.T) {
	r := newRig(t)
	bob := r.other()
	r.writeEntry(bob)
	r.signIn(time.Hour) // displaces bob
	if !strings.Contains(r.storeText(), bob.Refresh.Reveal()) {
		t.Fatal("the test")
	}
	r.cutStore()
	r.mendAll()
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if err != nil || !r.liesAnywhere(bob.Refresh.Reveal()) {
		t.Errorf("the login that was displaced is nowhere any more: %v, %v", steps, err)
	}
	said := func(remark Remark) bool {
		return slices.ContainsFunc(steps, func(s Step) bool { return s.Remark == remark })
	}
	if said(RemarkDisplacedKept) || !said(RemarkAsideStays) {
		t.Errorf("where it lies is not told: %v", steps)
	}
}
