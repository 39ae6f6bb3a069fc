//go:build unix

package session

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// withSSH puts a shell script in the place of ssh. $command is what the host would run.
func withSSH(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	testguard.Script(t, filepath.Join(bin, "ssh"), "for command; do :; done\n"+script)
	t.Setenv("PATH", bin+":/usr/bin:/bin")
}

func (r *rig) lendTo(host string) {
	r.t.Helper()
	if _, err := r.start().Lend(r.t.Context(), LendOptions{SSH: host}); err != nil {
		r.t.Fatal(err)
	}
}

// TestAHostIsAskedWithoutALock: neither our lock nor one of Claude Code's is held while a host
// is waited for, and everything that the host was to get is there when the renewal is over.
func TestAHostIsAskedWithoutALock(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home, held := t.TempDir(), filepath.Join(t.TempDir(), "held")
	dir := filepath.Dir(r.start().entry.File())
	withSSH(t, `
flock -n '`+r.start().statePath("lock")+`' true || echo our lock >>'`+held+`'
ls -d '`+dir+`'/.*.lock '`+dir+`.lock' 2>/dev/null >>'`+held+`'
HOME='`+home+`' exec sh -c "$command"
`)
	r.lendTo("host")
	for range 3 {
		r.pass(5 * time.Hour) // more than half of the token's life
		if done, err := r.start().Renew(t.Context(), false); err != nil || !done.Done {
			t.Fatalf("not renewed: %+v %v", done, err)
		}
		r.follows(filepath.Join(home, ".claude"))
	}
	r.pass(9 * time.Hour)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	r.follows(filepath.Join(home, ".claude"))
	if text, err := os.ReadFile(held); err == nil {
		if strings.TrimSpace(string(text)) != "" {
			t.Errorf("held while the host was asked:\n%s", text)
		}
	} else {
		t.Error(err)
	}
	for _, p := range r.ledger().Places {
		if p.Far && (p.Full() || p.Pair.Refresh != "") {
			t.Errorf("%s counts as a full copy", p.ID)
		}
	}
	if r.posts() != 4 {
		t.Errorf("%d renewals for four", r.posts())
	}
}

// TestAHostThatIsLostAfterTheWrite: nobody knows that the token lies there but the ledger, and
// it is taken out once the host is reached again.
func TestAHostThatIsLostAfterTheWrite(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home, lost := t.TempDir(), filepath.Join(t.TempDir(), "lost")
	withSSH(t, `
HOME='`+home+`'; export HOME
test -e '`+lost+`' || exec sh -c "$command"
sh -c "$command" | while IFS= read -r line; do test "$line" = done || echo "$line"; done
exit 255
`)
	if err := os.WriteFile(lost, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.start().Lend(t.Context(), LendOptions{SSH: "host"})
	known := &Error{}
	if !errors.As(err, &known) || known.Code != "not-lent" || known.Fault != FaultLendUnsure {
		t.Fatalf("%v", err)
	}
	dir := filepath.Join(home, ".claude")
	if !r.lent(dir).Login.Access.Equal(r.stored().Access) {
		t.Fatal("the token does not lie there")
	}
	if left, err := r.start().Lent(t.Context()); err != nil || len(left) != 1 || left[0].State != PlaceUnwritable {
		t.Fatalf("nothing tells of it: %+v, %v", left, err)
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if r.lent(dir).Login.Access.Equal(r.stored().Access) {
		t.Error("it is brought up although nothing was lent")
	}
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().TakeBack(t.Context(), "ssh:host"); err != nil {
		t.Fatal(err)
	}
	if entry := r.lent(dir); !entry.Login.Access.IsZero() {
		t.Error("the token stays there")
	}
	if left, _ := r.start().Lent(t.Context()); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

// TestASilentHostHoldsNothingUp: it costs one call its limit, is asked ever more seldom, told
// when its token has ended, and given up after 30 days.
func TestASilentHostHoldsNothingUp(t *testing.T) {
	testguard.Slow(t)
	limit := farLimit
	t.Cleanup(func() { farLimit = limit })
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home, silent, asked := t.TempDir(), filepath.Join(t.TempDir(), "silent"), filepath.Join(t.TempDir(), "asked")
	withSSH(t, `
echo >>'`+asked+`'
test -e '`+silent+`' && sleep 1000 # a child of its own, which keeps the pipes
HOME='`+home+`' exec sh -c "$command"
`)
	r.lendTo("host")
	calls := func() int {
		text, _ := os.ReadFile(asked)
		return len(text)
	}
	if err := os.WriteFile(silent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	farLimit = 300 * time.Millisecond
	before := calls()
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatalf("the renewal was held up: %v", err)
	}
	if calls() != before+1 {
		t.Fatalf("asked %d times", calls()-before)
	}
	state := func() (PlaceStatus, string) {
		list, err := r.start().Lent(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		problem := ""
		if st := r.start().Status(t.Context()); st.Problem != nil {
			problem = string(st.Problem.Code)
		}
		return list[0], problem
	}
	if st, problem := state(); st.State != PlaceUnreachable || problem != "" ||
		st.Because == nil || st.Because.Fault != FaultFarSilent {
		t.Errorf("%+v, problem %q", st, problem)
	}
	before = calls()
	for range 60 { // a quarter of an hour, four looks a minute
		r.pass(15 * time.Second)
		r.start().tending().tendNow(t.Context())
	}
	if n := calls() - before; n < 3 || n > 6 {
		t.Errorf("asked %d times in a quarter of an hour", n)
	}
	r.pass(8 * time.Hour)
	if _, problem := state(); problem != "place-behind" {
		t.Errorf("not told after its token has ended: %q", problem)
	}
	if err := os.Remove(silent); err != nil {
		t.Fatal(err)
	}
	farLimit = limit
	r.start().tending().tendNow(t.Context())
	r.follows(filepath.Join(home, ".claude"))
	if st, problem := state(); st.State != PlaceInStep || problem != "" {
		t.Errorf("%+v, problem %q", st, problem)
	}

	// Away for good. The login itself lives on.
	if err := os.RemoveAll(filepath.Join(home, ".claude")); err != nil {
		t.Fatal(err)
	}
	_, _ = r.start().Renew(t.Context(), true)
	if st, _ := state(); st.State != PlaceUnreachable {
		t.Errorf("%+v", st)
	}
	r.pass(31 * 24 * time.Hour)
	w := r.work()
	ours := r.stored()
	w.lentCopies().lentOr(w.l.LentTo(r.account)[0], &ours, errGone)
	w.end()
	if left, _ := r.start().Lent(t.Context()); len(left) != 0 {
		t.Errorf("still lent: %+v", left)
	}
}

// TestOneAtATimeElsewhere: what is taken back is not written again by somebody who was at it.
func TestOneAtATimeElsewhere(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home, slow := t.TempDir(), filepath.Join(t.TempDir(), "slow")
	withSSH(t, `
test ! -e '`+slow+`' || { mv '`+slow+`' '`+slow+`.now'; sleep 0.5; }
HOME='`+home+`' exec sh -c "$command"
`)
	r.lendTo("host")
	if err := os.WriteFile(slow, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	renewed := make(chan error, 1)
	go func() {
		_, err := r.start().Renew(t.Context(), true)
		renewed <- err
	}()
	for end := time.Now().Add(testguard.Patience); !testguard.Exists(slow + ".now"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the host is not asked")
		}
	}
	if back, err := r.start().TakeBack(t.Context(), "host"); err != nil || len(back) != 1 {
		t.Errorf("%v %v", back, err)
	}
	if err := <-renewed; err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(filepath.Join(home, ".claude", ".credentials.json")); strings.Contains(string(text),
		"sk-ant") {
		t.Errorf("a token is there again: %d bytes", len(text))
	}
	if left, _ := r.start().Lent(t.Context()); len(left) != 0 {
		t.Errorf("still lent: %+v", left)
	}
}
