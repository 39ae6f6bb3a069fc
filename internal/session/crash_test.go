package session

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keytender/internal/config"
	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// steps are all the places at which a renewal calls crash, in order. "spilled" comes
// only when the store is slow.
var steps = []string{"locked", "claude-code-locked", "prepared", "intent", "answered", "written", "spilled", "kept",
	"mirrored", "noted"}

// runRenewingChild makes the test binary a program that asks for a token, as the
// command line does. KTTEST_RENEW is the step at which it kills itself, or "none".
func runRenewingChild() {
	at := os.Getenv("KTTEST_RENEW")
	if at == "" {
		return
	}
	c, err := config.Load(os.LookupEnv, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	e, err := Open(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if text := os.Getenv("KTTEST_RESEND_AFTER"); text != "" {
		resendAfter, _ = time.ParseDuration(text)
	}
	e.WaitInSystem(func() {})
	e.crash = func(step string) {
		fmt.Println("step", step)
		if step == at {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				os.Exit(99)
			}
			select {}
		}
	}
	token, err := e.Token(context.Background(), time.Minute)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Println("token", token.Fingerprint())
	known := &Error{}
	switch {
	case !token.IsZero():
		os.Exit(0)
	case errors.As(err, &known):
		os.Exit(known.Exit)
	}
	os.Exit(1)
}

// child is a process that renews.
type child struct {
	cmd   *exec.Cmd
	out   bytes.Buffer
	lines chan string // closed when it has ended
	err   error
}

func (r *rig) child(at string, variables ...string) *child {
	r.t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), lines: make(chan string, 100)}
	c.cmd.Env = append(os.Environ(), "KTTEST_RENEW="+at)
	for name, value := range r.environ {
		c.cmd.Env = append(c.cmd.Env, name+"="+value)
	}
	c.cmd.Env = append(c.cmd.Env, variables...)
	c.cmd.Stderr = &c.out
	stdout, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(c.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			c.lines <- s.Text()
		}
		_, _ = io.Copy(io.Discard, stdout)
		c.err = c.cmd.Wait()
	}()
	return c
}

// end waits for the child and returns its last line.
func (c *child) end() (last string) {
	for line := range c.lines {
		last = line
	}
	return last
}

// after waits until the child has come to a step.
func (c *child) after(step string) {
	for line := range c.lines {
		if line == "step "+step {
			return
		}
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	c.end()
}

// whole reports whether two tokens were issued together: the server numbers them.
func whole(c keychain.Credential) bool {
	number := func(token string) int {
		parts := strings.Split(token, "-")
		if len(parts) < 6 {
			return -100
		}
		n, err := strconv.Atoi(parts[4])
		if err != nil {
			return -200
		}
		return n
	}
	access, refresh := number(c.Access.Reveal()), number(c.Refresh.Reveal())
	return access-refresh == 1 || refresh-access == 1
}

// aftermath is what a killed renewal left behind, and what became of it.
type aftermath struct {
	how      string
	rotated  bool // the server had rotated
	found    bool // a new start finds the new pair without asking anybody
	lost     bool // the response was lost in the window that cannot be closed
	unsigned bool // a renewal lock without a known owner was left, good for a minute
	writing  bool // the lock for writing the entry was left, good for 15 s
	recovery time.Duration
}

// recover starts the program anew after a kill and holds what must be true then.
func (r *rig) recover(before keychain.Credential, how string) aftermath {
	t := r.t
	t.Helper()
	a := aftermath{how: how}
	if runtime.GOOS == "windows" && r.chain().Intent != nil {
		// What a dead process had sent may still be on its way, under Wine through another one.
		for deadline := time.Now().Add(testguard.Patience); r.posts() == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	// What was on its way to the server it answers, whether somebody listens or not.
	if err := r.server.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.rotated = r.server.Spent(before.Refresh.Reveal())
	sent := r.posts()
	found := r.stored()
	a.found = !found.SamePair(before)
	if a.found && (!whole(found) || !r.server.Alive(found.Refresh.Reveal())) {
		t.Errorf("%s: what is found is neither the old nor the new pair", how)
	}
	if !a.rotated && a.found {
		t.Errorf("%s: a new pair without a rotation", how)
	}

	start := time.Now()
	token, err := r.start().Token(t.Context(), time.Minute)
	if exitOf(err) == ExitBusy {
		// Killed between taking Claude Code's locks and signing them: nobody can know
		// that the owner is dead, and the locks hold for their own limit of a minute.
		a.unsigned = true
		r.ageLocks(61 * time.Second)
		token, err = r.start().Token(t.Context(), time.Minute)
	}
	a.recovery = time.Since(start)
	reused := r.server.Count("renew-reused")
	switch {
	case err == nil:
		stored := r.stored()
		if !stored.Access.Equal(token) || !whole(stored) {
			t.Errorf("%s: what was handed out is not what is stored", how)
		}
		r.alive(stored)
		if reused != 0 {
			t.Errorf("%s: a spent token was sent", how)
		}
		if a.rotated && r.posts() != sent {
			t.Errorf("%s: a needless renewal was sent: the new pair was there", how)
		}
		if r.posts() > sent+1 {
			t.Errorf("%s: %d renewals were sent afterwards", how, r.posts()-sent)
		}
	case exitOf(err) == ExitSignInAgain && strings.Contains(err.Error(), string(FaultResponseLost)):
		a.lost = true
		if !a.rotated || a.found || reused != 1 || r.posts() != sent+1 {
			t.Errorf("%s: lost (rotated %v, found %v, %d reused, %d sent): %v", how, a.rotated, a.found, reused,
				r.posts(), err)
		}
		if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitSignInAgain || r.posts() != sent+1 {
			t.Errorf("%s: a lost token was sent a third time (%v)", how, err)
		}
		if got := r.historyOf(); got[len(got)-1] != "lost" {
			t.Errorf("%s: history: %v", how, got)
		}
	default:
		t.Errorf("%s: the next start: %v", how, err)
	}
	if r.left(".storage-write.lock") && !a.lost && !r.inStep() {
		// Killed while it wrote the entry: that lock holds for 15 s.
		a.writing = true
		r.ageLocks(16 * time.Second)
		if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
			t.Errorf("%s: after the write lock's limit: %v", how, err)
		}
	}
	if runtime.GOOS == "windows" && !a.lost {
		// Whether the renewal locks' owner is dead cannot be told there: they hold for
		// their own limit of a minute, and until then the entry is left as it is.
		r.ageLocks(61 * time.Second)
		if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
			t.Errorf("%s: after the renewal locks' limit: %v", how, err)
		}
	}
	if !a.lost && !r.inStep() {
		t.Errorf("%s: not every place was brought up: %+v", how, r.ledger().Places)
	}
	if st := r.start().Status(t.Context()); !a.lost &&
		(st.State != SignedIn || st.Problem != nil || st.ClaudeCode.State != "in-step") {
		t.Errorf("%s: status afterwards: %s, entry %s, %+v", how, st.State, st.ClaudeCode.State, st.Problem)
	}
	if c := r.chain(); !a.lost && (c.Intent != nil || !c.Knows(pairIn(r.stored())) || c.Left(pairIn(r.stored()))) {
		t.Errorf("%s: the ledger has not learned of the pair: %+v", how, c)
	}
	for _, lock := range r.locks() {
		info, err := os.Stat(lock)
		if err == nil && !(a.lost || a.found || a.unsigned || a.writing) {
			t.Errorf("%s: %s is left, %v old", how, filepath.Base(lock), time.Since(info.ModTime()))
		}
	}
	names := leftovers(t, r.home+"/state", "lock", "ledger.json", "places.json", "history.jsonl", "locks-held.json",
		"write-lock-held.json")
	names = slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, ".tmp.") }) // swept later
	if len(names) > 0 && !a.lost {
		t.Errorf("%s: left behind: %v", how, names)
	}
	return a
}

// locks are Claude Code's, in the order in which they are taken.
func (r *rig) locks() (paths []string) {
	for _, dir := range append([]string{r.claude}, r.others...) {
		paths = append(paths, filepath.Join(dir, ".oauth_refresh.lock"), dir+".lock",
			filepath.Join(dir, ".storage-write.lock"))
	}
	return paths
}

// left reports whether a lock of that name was left behind in a directory.
func (r *rig) left(name string) bool {
	return slices.ContainsFunc(r.locks(), func(path string) bool {
		_, err := os.Stat(path)
		return err == nil && filepath.Base(path) == name
	})
}

// inStep reports whether every entry holds the pair that is stored.
func (r *rig) inStep() bool {
	stored, home := r.stored(), r.claude
	defer r.goTo(home)
	for _, dir := range append([]string{home}, r.others...) {
		r.goTo(dir)
		if !r.entry().Login.SamePair(stored) {
			return false
		}
	}
	return true
}

// signInTwice signs in with a login that has ended, in two directories.
func (r *rig) signInTwice() keychain.Credential {
	r.t.Helper()
	before := r.signIn(-time.Minute)
	home, second := r.claude, filepath.Join(filepath.Dir(r.claude), "work")
	if err := os.Mkdir(second, 0o700); err != nil {
		r.t.Fatal(err)
	}
	r.goTo(second)
	if _, err := r.start().Mirror(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.goTo(home)
	r.others = []string{second}
	return before
}

func (r *rig) ageLocks(d time.Duration) {
	old := time.Now().Add(-d)
	for _, path := range r.locks() {
		_ = os.Chtimes(path, old, old)
	}
}

func crashes(t *testing.T, usual int) int {
	if text := os.Getenv("KTTEST_CRASH"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("KTTEST_CRASH: %v", err)
		}
		return n
	}
	if testing.Short() {
		return usual / 10
	}
	return usual
}

// TestCrash kills a renewal at every named step and at hundreds of random moments, and
// starts anew each time.
func TestCrash(t *testing.T) {
	restore(t, &entryWait, 3*time.Second)
	restore(t, &briefly, 5*time.Second)
	t.Run("file", func(t *testing.T) { crashOften(t, crashes(t, 240)) })
	t.Run("keychain", func(t *testing.T) {
		withKeyring(t)
		crashOften(t, crashes(t, 60), "KEYTENDER_STORE=keychain")
	})
}

func crashOften(t *testing.T, times int, variables ...string) {
	var accounts atomic.Int64
	newRig := func(t testing.TB) *rig {
		r := newRig(t, variables...)
		r.account = fmt.Sprintf("account-%d", accounts.Add(1)) // one keyring serves all
		return r
	}
	var (
		mu    sync.Mutex
		all   []aftermath
		turns = make(chan func(testing.TB) aftermath)
	)
	go func() {
		defer close(turns)
		for _, step := range steps {
			turns <- func(t testing.TB) aftermath {
				r := newRig(t)
				before := r.signInTwice()
				last := r.child(step).end()
				if want := "step " + step; last != want && step != "spilled" {
					t.Errorf("the child did not come to %s: %q", step, last)
				}
				a := r.recover(before, "at "+step)
				if want := slices.Index(steps, step) >= slices.Index(steps, "written"); a.found != want ||
					(a.lost && step != "answered") {
					t.Errorf("killed at %s: the new pair is found: %v, lost: %v", step, a.found, a.lost)
				}
				return a
			}
		}
		for n := range times {
			turns <- func(t testing.TB) aftermath { return newRig(t).crashOnce(n) }
		}
	}()
	workers := sync.WaitGroup{}
	for range 2 {
		workers.Go(func() {
			for turn := range turns {
				// A test of its own, so that its folder goes when it is done.
				t.Run("", func(t *testing.T) {
					a := turn(t)
					mu.Lock()
					defer mu.Unlock()
					all = append(all, a)
				})
			}
		})
	}
	workers.Wait()
	report(t, all)
}

// crashOnce kills a renewal at a random moment: anywhere in it, or close to where the
// token is spent.
func (r *rig) crashOnce(n int) aftermath {
	t := r.t
	before := r.signInTwice()
	moment := rand.N(40 * time.Millisecond)
	var (
		c       *child
		rotated = make(chan struct{}, 1)
	)
	r.server.Set(func(b *fakeclaude.Behaviour) {
		b.OnToken = func(string) {
			select {
			case rotated <- struct{}{}:
			default:
			}
		}
	})
	how := fmt.Sprintf("%v after the lock", moment)
	if n%2 == 0 {
		c = r.child("none")
		c.after("locked")
	} else {
		moment /= 4
		how = fmt.Sprintf("%v after the rotation", moment)
		c = r.child("none")
		select {
		case <-rotated:
		case <-time.After(testguard.Patience):
			t.Fatalf("no renewal came: %s", c.out.String())
		}
	}
	time.Sleep(moment)
	c.kill()
	return r.recover(before, how)
}

// report tells how often which end was met, and holds that the window is small.
func report(t *testing.T, all []aftermath) {
	t.Helper()
	var rotated, found, lost, unsigned, writing int
	var slowest time.Duration
	for _, a := range all {
		rotated += count(a.rotated)
		found += count(a.found)
		lost += count(a.lost && a.how != "at answered")
		unsigned += count(a.unsigned)
		writing += count(a.writing)
		if !a.unsigned {
			slowest = max(slowest, a.recovery)
		}
	}
	t.Logf(
		"%d renewals killed: %d after the server's rotation, in %d of which the new pair was on the disk and in %d of which the kill fell into the window between the rotation and our first write; %d left renewal locks without a known owner, %d the lock for writing the entry; slowest recovery %v",
		len(all), rotated, found, lost, unsigned, writing, slowest.Round(time.Millisecond))
	if rotated == 0 || found == 0 {
		t.Error("no kill fell behind the rotation: the test tests nothing")
	}
	if slowest > 10*time.Second {
		t.Errorf("a recovery took %v", slowest)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The steps of a renewal and what each costs: the window in which a kill loses the
// login is from the server's rotation to "written".
func TestRenewalSteps(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("clocks are too coarse")
	}
	for _, store := range []string{"file", "keychain"} {
		t.Run(store, func(t *testing.T) {
			if store == "keychain" {
				withKeyring(t)
			}
			timeSteps(t, store)
		})
	}
}

func timeSteps(t testing.TB, store string) {
	r := newRig(t, "KEYTENDER_STORE="+store)
	r.account = fmt.Sprintf("account-%d", time.Now().UnixNano())
	r.signIn(-time.Minute)
	const rounds = 20
	sum := map[string]time.Duration{}
	var names []string
	for range rounds {
		e := r.start()
		last, previous := time.Now(), "start"
		mark := func(step string) {
			now := time.Now()
			name := previous + " → " + step
			if _, ok := sum[name]; !ok {
				names = append(names, name)
			}
			sum[name] += now.Sub(last)
			last, previous = now, step
		}
		rotated := make(chan time.Time, 1)
		r.server.Set(func(b *fakeclaude.Behaviour) { b.OnToken = func(string) { rotated <- time.Now() } })
		e.crash = func(step string) {
			if step == "answered" {
				last = <-rotated
				previous = "rotated"
			}
			mark(step)
		}
		if _, err := e.Renew(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		mark("done")
	}
	for _, name := range names {
		t.Logf("%-34s %8v", name, (sum[name] / rounds).Round(10*time.Microsecond))
	}
	if window := sum["rotated → answered"] + sum["answered → written"]; window/rounds > 50*time.Millisecond {
		t.Errorf("from the rotation to our first write %v pass", window/rounds)
	}
}

// Fifty programs ask at once: one renewal, and all get its token.
func TestFiftyAtOnce(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	var children []*child
	for range 50 {
		children = append(children, r.child("none"))
	}
	fingerprints := map[string]int{}
	for _, c := range children {
		fingerprints[c.end()]++
		if c.err != nil {
			t.Errorf("a child: %v: %s", c.err, c.out.String())
		}
	}
	if r.posts() != 1 || len(fingerprints) != 1 || fingerprints["token "+r.stored().Access.Fingerprint()] != 50 {
		t.Errorf("%d renewals, responses %v", r.posts(), fingerprints)
	}
	if !r.entry().Login.SamePair(r.stored()) {
		t.Error("the entry is not in step")
	}
}

// Token, refresh and the tray's timer in one process at the same instant.
func TestAllWaysAtOnce(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	everybody := sync.WaitGroup{}
	begin := make(chan struct{})
	for n := range 30 {
		e := r.start()
		everybody.Go(func() {
			<-begin
			var err error
			switch n % 3 {
			case 0:
				_, err = e.Token(t.Context(), time.Minute)
			case 1:
				_, err = e.Renew(t.Context(), false)
			case 2:
				e.tending().tendNow(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	everybody.Wait()
	if r.posts() != 1 || r.server.Count("renew-reused") != 0 {
		t.Errorf("%d renewals were sent", r.posts())
	}
}

// claudeCode is a stand-in for the client: it takes its locks, reads the entry again,
// and renews when the pair in it has ended.
func (r *rig) claudeCode(ctx context.Context, hold time.Duration) error {
	e := r.start()
	l, err := e.entry.LockRenewal(ctx, 20*time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = l.Release() }()
	time.Sleep(hold)
	entry, err := e.entry.Read(ctx)
	if err != nil {
		return err
	}
	if entry.Login.AccessEnds.Sub(r.now()) > 5*time.Minute {
		return nil
	}
	grant, err := e.client.Renew(ctx, entry.Login.Refresh, nil)
	if err != nil {
		return err
	}
	renewed := entry.Login
	renewed.Access, renewed.Refresh, renewed.AccessEnds = grant.Access, grant.Refresh, r.now().Round(0).Add(
		grant.ExpiresIn)
	_, err = e.entry.Update(ctx, func(claudecode.Entry) (claudecode.Change,
		error) {
		return claudecode.Change{SignIn: &renewed}, nil
	})
	return err
}

// Claude Code renews at the same instant as twelve programs of ours: one renewal in
// all, whoever wins, and everybody ends with the same pair.
func TestClaudeCodeAtTheSameInstant(t *testing.T) {
	testguard.Slow(t)
	for _, hold := range []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond} {
		for range 3 {
			r := newRig(t)
			r.signIn(-time.Minute)
			theirs := make(chan error, 2)
			for range 2 {
				go func() { theirs <- r.claudeCode(context.Background(), hold) }()
			}
			var children []*child
			for range 6 {
				children = append(children, r.child("none"))
			}
			for range 2 {
				if err := <-theirs; err != nil {
					t.Errorf("Claude Code: %v", err)
				}
			}
			fingerprints := map[string]int{}
			for _, c := range children {
				fingerprints[c.end()]++
				if c.err != nil {
					t.Errorf("a child: %v: %s", c.err, c.out.String())
				}
			}
			if r.posts() != 1 || r.server.Count("renew-reused") != 0 || len(fingerprints) != 1 {
				t.Errorf("%d renewals, responses %v", r.posts(), fingerprints)
			}
			if !r.entry().Login.SamePair(r.stored()) {
				t.Error("the entry is not in step")
			}
			r.alive(r.stored())
		}
	}
}

// A living holder of our lock is waited for and then given up on; a dead one is not.
func TestOurLock(t *testing.T) {
	for name, inSystem := range map[string]func(){"by looking": nil, "in the system": func() {}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(-time.Minute)
			r.faults(fakeclaude.Fault{Silent: true})
			c := r.child("none")
			c.after("intent")
			e := r.start()
			e.waitsInSystem = inSystem
			start := time.Now()
			if _, err := e.lock(t.Context(), 300*time.Millisecond); exitOf(err) != ExitBusy ||
				time.Since(start) > 3*time.Second {
				t.Errorf("a living holder: %v after %v", err, time.Since(start))
			}
			given, giveUp := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, giveUp)
			if _, err := e.lock(given, time.Minute); !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
			time.AfterFunc(100*time.Millisecond, c.kill)
			start = time.Now()
			release, err := e.lock(t.Context(), 20*time.Second)
			if err != nil || time.Since(start) > 10*time.Second {
				t.Fatalf("a dead holder: %v after %v", err, time.Since(start))
			}
			release()
		})
	}
}

// Those that wait in the system for one renewal go home with it.
func TestACrowdWaitsInTheSystem(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	e := r.start()
	release, err := e.lock(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	w, err := e.opened(release)
	if err != nil {
		t.Fatal(err)
	}
	const askers = 8
	got := make(chan error, askers)
	for range askers {
		go func() {
			e := r.start()
			e.WaitInSystem(func() {})
			token, err := e.Token(t.Context(), time.Minute)
			if err == nil && !token.Equal(r.stored().Access) {
				err = errors.New("another token")
			}
			got <- err
		}()
	}
	time.Sleep(50 * time.Millisecond)
	renewal, err := w.renewal(t.Context(), "default")
	if err == nil {
		err = renewal.run(t.Context(), need{minValid: time.Minute})
	}
	if err != nil {
		t.Fatal(err)
	}
	w.end()
	for range askers {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	if r.posts() != 1 {
		t.Errorf("%d renewals", r.posts())
	}
}
