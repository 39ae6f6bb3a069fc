package session

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

// TestTendRestsAfterAFailure: what a failed renewal writes down is a change on the disk, and led
// to the next try at once, some six a second for as long as there was no network.
func TestTendRestsAfterAFailure(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	e := r.start()
	e.client.TokenURL = "http://127.0.0.1:9/token"
	var tries atomic.Int32
	e.crash = func(step string) {
		if step == "intent" {
			tries.Add(1)
		}
	}
	changed, err := e.Changes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Tend(ctx, changed) }()
	defer func() { cancel(); <-done }()
	wait := func(n int32) {
		t.Helper()
		for start := testguard.Start(); tries.Load() < n; time.Sleep(10 * time.Millisecond) {
			start.Within(t, testguard.Patience, "a try")
		}
	}
	wait(1)
	time.Sleep(time.Second)
	if n := tries.Load(); n != 1 {
		t.Fatalf("%d tries in a second without a network", n)
	}
	r.pass(failurePause)
	if err := os.WriteFile(r.state("told.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	wait(2)
}

// TestWhatWasRepairedIsNotToldOn: a renewal that a place or the network had stopped was told as
// the login's trouble for hours after that was well again, until the next one was due.
func TestWhatWasRepairedIsNotToldOn(t *testing.T) {
	for _, c := range []struct {
		name  string
		again func(*rig) error
	}{
		{"by the app", func(r *rig) error { r.start().tending().tendNow(t.Context()); return nil }},
		{"by refresh", func(r *rig) error { r.start().Renew(t.Context(), false); return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			before := r.signIn(8 * time.Hour)
			lock := filepath.Join(r.claude, ".storage-write.lock")
			r.must(os.WriteFile(lock, nil, 0o600))
			_, err := r.start().Renew(t.Context(), true)
			if p := r.start().Status(t.Context()).Problem; err == nil || p == nil || p.Code != "place-unwritable" {
				t.Fatalf("a place that cannot be written: %v, told %+v", err, p)
			}
			r.must(c.again(r))
			if p := r.start().Status(t.Context()).Problem; p == nil || p.Code != "place-unwritable" || r.posts() != 0 {
				t.Fatalf("still in the way: told %+v, %d renewals", p, r.posts())
			}
			r.must(os.Remove(lock))
			r.must(c.again(r))
			if p := r.start().Status(t.Context()).Problem; p != nil {
				t.Errorf("told on: %+v", p)
			}
			if r.stored().SamePair(before) {
				t.Error("it was not renewed")
			}
			r.must(c.again(r))
			if n := r.posts(); n > 1 {
				t.Errorf("%d renewals", n)
			}
		})
	}
}

// Claude Code's file is followed under whatever name CLAUDE_CODE_AUTH_CREDENTIALS_PATH
// gives it, and the files beside it are not.
func TestEntryOfAnyNameIsFollowed(t *testing.T) {
	dir := t.TempDir()
	entry := filepath.Join(dir, "creds")
	r := newRig(t, "CLAUDE_CODE_AUTH_CREDENTIALS_PATH="+entry)
	changed, err := r.start().Changes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told := func(wait time.Duration) bool {
		select {
		case <-changed:
			return true
		case <-time.After(wait):
			return false
		}
	}
	write := func(path string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "other"))
	write(entry + ".tmp.0a1b2c3d")
	if told(500 * time.Millisecond) {
		t.Error("a file beside it counts")
	}
	write(entry)
	if !told(10 * time.Second) {
		t.Error("nothing was told of the entry")
	}
}

// TestAnUnansweredSendIsNotRepeatedForItsNote: a refresh token whose responses never came may be
// spent. It is sent again when the access token ends, and not for the trouble that is told.
func TestAnUnansweredSendIsNotRepeatedForItsNote(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	unanswered := fakeclaude.Fault{On: "renew", When: fakeclaude.Processed, Reset: true}
	r.faults(unanswered, unanswered)
	if _, err := r.start().Renew(t.Context(), true); err == nil {
		t.Fatal("a renewal without a response is told as done")
	}
	sent := r.posts()
	r.pass(time.Hour) // whatever pause the failure set is over
	r.start().tending().tendNow(t.Context())
	if _, err := r.start().Renew(t.Context(), false); err != nil || r.posts() != sent {
		t.Errorf("%v, and %d more were sent", err, r.posts()-sent)
	}
}

// A backup, or a program that keeps folders alike, puts the former file back while nobody looks. It is
// told, and whoever tends the logins next brings it up, as does a verb that looks there.
func TestFormerFileIsPutBack(t *testing.T) {
	for name, bringUp := range map[string]func(*rig) error{
		"the app starts": func(r *rig) error {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			changed := make(chan struct{})
			go func() {
				for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
					if time.Sleep(20 * time.Millisecond); !r.server.Spent(r.lent(r.others[0]).Login.Refresh.Reveal()) {
						break
					}
				}
				stop()
			}()
			r.start().Tend(ctx, changed)
			return nil
		},
		"mirror": func(r *rig) error { return second(r.start().Mirror(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, home, work := r.inTwo("work")
			r.others = []string{work}
			file := filepath.Join(work, ".credentials.json")
			former, err := os.ReadFile(file)
			r.must(err)
			r.renewed("")
			r.must(os.WriteFile(file, former, 0o600))
			since := r.now().Add(-5 * time.Minute).Truncate(time.Second)
			r.must(os.Chtimes(file, since, since))
			r.must(second(r.start().Token(t.Context(), time.Minute)))
			behind := slices.IndexFunc(r.places(), func(p PlaceStatus) bool {
				return strings.Contains(p.Place, work) && p.State == PlaceBehind && p.Since != nil
			})
			if behind < 0 {
				t.Errorf("told as %+v", r.places())
			}
			r.pass(5 * time.Minute)
			if p := r.start().Status(t.Context()).Problem; p == nil || p.Code != codePlaceBehind {
				t.Errorf("after five minutes: %+v", p)
			}
			r.must(bringUp(r))
			for _, dir := range []string{work, home} {
				r.goTo(dir)
				r.mended()
			}
			if p := r.start().Status(t.Context()).Problem; p != nil {
				t.Errorf("told on: %+v", p)
			}
		})
	}
}

func (r *rig) places() []PlaceStatus {
	r.t.Helper()
	places, err := r.start().Places(r.t.Context())
	r.must(err)
	return places
}
