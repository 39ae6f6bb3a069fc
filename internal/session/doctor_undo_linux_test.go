package session

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// Claude Code signs somebody in while a repair still waits for another directory's lock: undoing keeps that
// login.
func TestSignedInBeforeTheRepairIsNoted(t *testing.T) {
	testguard.Slow(t)
	r := newRig(t)
	a := r.signIn(time.Hour)
	home, work := r.claude, r.mkdir("work")
	r.goTo(work)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	r.environ["KEYTENDER_MIRROR"] = "false"
	r.writeEntry(r.renewElsewhere(a))
	r.damage(cutOff)
	cat := r.issued("cat@example.com", time.Hour)
	e := r.start()
	repairs := e.Repairs(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if _, err := os.Lstat(r.entryFile()); err != nil {
				break
			}
		}
		r.writeEntry(cat)
	}()
	_, err = e.Mend(t.Context(), repairs)
	<-done
	if releaseErr := lock.Release(); releaseErr != nil {
		t.Fatal(releaseErr)
	}
	if !r.entry().Login.SamePair(cat) {
		t.Fatal("the test", err)
	}
	_, err = r.start().Unmend(t.Context())
	if !strings.Contains(r.entryText()+r.storeText(), cat.Refresh.Reveal()) {
		t.Errorf("success (%v), and nobody has cat's living pair any more", err)
	}
}

// mendAnd moves a damaged entry aside; since runs between that repair and the next one.
func (r *rig) mendAnd(since func()) {
	r.t.Helper()
	e := r.start()
	repairs := e.Repairs(r.t.Context())
	move := repairs[0]
	other := r.beside("left")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		r.t.Fatal(err)
	}
	repairs = []Repair{move, {Said{}, func(context.Context) (Mended, error) {
		since()
		step := undoStep{Kind: undoMode, Path: other, Mode: 0o644}
		return Mended{Said: Said{RemarkClosed, &Values{Path: other}}, undo: []undoStep{step}}, nil
	}}}
	if _, err := e.Mend(r.t.Context(), repairs); err != nil {
		r.t.Fatal(err)
	}
}

// Nor is one lost that was written between two repairs.
func TestUndoOverALoginWrittenBetweenTwoRepairs(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.damage(cutOff)
	cat := r.issued("cat@example.com", time.Hour)
	r.mendAnd(func() { _ = os.Remove(r.entryFile()); r.writeEntry(cat) })
	_, err := r.start().Unmend(t.Context())
	if !strings.Contains(r.entryText()+r.storeText(), cat.Refresh.Reveal()) {
		t.Errorf("nobody has cat's living pair any more; told: %v", err)
	}
}

// The hint to move the new one away first works.
func TestUndoHintMoveAway(t *testing.T) {
	for _, mirror := range []string{"true", "false"} {
		r := newRig(t)
		r.signIn(time.Hour)
		r.environ["KEYTENDER_MIRROR"] = mirror
		damaged := r.damage(func(s string) string { return `{"mcpOAuth":"FAKE-m",` + cutOff(s[1:]) })
		r.mendAll()
		r.besides(map[string]string{"mcpOAuth": "FAKE-new"})
		if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultEntryThereAgain {
			t.Fatalf("the test: %v", err)
		}
		if err := os.Rename(r.entryFile(), r.beside("away")); err != nil {
			t.Fatal(err)
		}
		if _, err := r.start().Unmend(t.Context()); err != nil || r.entryText() != damaged {
			t.Errorf("mirror %s: refused for ever: %v", mirror, err)
		}
	}
}

// In a lent directory too, after a renewal.
func TestMendedLetGoLent(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	damaged := r.damage(cutOff)
	r.mendAll()
	r.goTo(home)
	r.renewed("")
	r.goTo(dir)
	if _, err := r.start().Unmend(t.Context()); err != nil {
		_ = os.Remove(r.entryFile())
		if _, err := r.start().Unmend(t.Context()); err != nil || r.entryText() != damaged {
			t.Errorf("the hint, to move the new one away, does not work: %v", err)
		}
	}
}

// TestUndoOfTheStoreKeepsWhatWasMade: what the entry held when the store was mended may lie nowhere else.
func TestUndoOfTheStoreKeepsWhatWasMade(t *testing.T) {
	for name, since := range map[string]func(r *rig){
		"Claude Code signed somebody else in": func(r *rig) { r.writeEntry(r.other()) },
		"its directory was removed":           func(r *rig) { r.must(os.RemoveAll(r.claude)) },
	} {
		r := newRig(t)
		a := r.signIn(time.Hour)
		r.breakFiles(r.storeFile())
		r.mendAll()
		since(r)
		undone, err := r.start().Unmend(t.Context())
		if err != nil || r.storeText() != broken {
			t.Errorf("%s: undone %v, %v", name, undone, err)
		}
		kept := ""
		all, _ := filepath.Glob(r.storeFile() + asideInfix + "*")
		for _, path := range all {
			text, _ := os.ReadFile(path)
			kept += string(text)
		}
		if !strings.Contains(kept, a.Refresh.Reveal()) {
			t.Errorf("%s: nobody has the living pair any more", name)
		}
	}
}

// TestUndoOfTheStoreThatARepairWroteOn: it is the same repair's.
func TestUndoOfTheStoreThatARepairWroteOn(t *testing.T) {
	r := newRig(t)
	_, _, work := r.inTwo("work")
	r.goTo(work)
	bob := r.issued("bob@example.com", time.Hour)
	r.writeEntry(bob)
	damaged := r.damage(cutOff)
	r.breakFiles(r.storeFile())
	r.mendAll()
	if !strings.Contains(r.storeText(), bob.Refresh.Reveal()) {
		t.Fatal("the test")
	}
	if _, err := r.start().Unmend(t.Context()); err != nil || r.storeText() != broken || r.entryText() != damaged {
		t.Error(err)
	}
}

// TestUndoOfALargeEntry: one may be larger than any file of ours.
func TestUndoOfALargeEntry(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	damaged := r.damage(func(text string) string {
		return `{"mcpOAuth":"` + strings.Repeat("m", maxStateFile) + `",` + cutOff(text[1:])
	})
	r.mendAll()
	if _, err := r.start().Unmend(t.Context()); err != nil || r.entryText() != damaged {
		t.Errorf("nothing was changed since: %v", faultOf(err))
	}
}

// TestUndoLeavesTheNoteOfALaterFix that came while it waited.
func TestUndoLeavesTheNoteOfALaterFix(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.must(os.Chmod(r.storeFile(), 0o644))
	r.environ["KEYTENDER_MIRROR"] = "false"
	r.damage(cutOff)
	r.mendAll()
	release := r.lockedByClaude()
	done, undoing := make(chan error, 1), r.start()
	go func() {
		_, err := undoing.Unmend(t.Context())
		done <- err
	}()
	for end := time.Now().Add(testguard.Patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ours, err := r.start().lock(t.Context(), 0); err != nil {
			break
		} else {
			ours()
		}
	}
	config := filepath.Join(r.home, "config.toml")
	r.must(os.WriteFile(config, nil, 0o644))
	f := fixing{r.start().doctor()}
	_, err := f.mend(t.Context(), f.repairPermissions())
	release()
	if undone := <-done; err != nil || undone != nil {
		t.Fatal(err, undone)
	}
	if _, err := r.start().Unmend(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(config); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the later one was not taken back: %v", err)
	}
}
