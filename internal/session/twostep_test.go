package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// begin begins a sign-in in two steps and returns what its page shows after a click.
func (r *rig) begin(o SignInOptions) (code string) {
	r.t.Helper()
	begun, err := r.start().BeginSignIn(r.t.Context(), o, func(Event) {})
	if err != nil {
		r.t.Fatal(err)
	}
	location, err := fakeclaude.Approve(r.t.Context(), begun.PasteURL)
	if err != nil {
		r.t.Fatal(err)
	}
	if code, err = faults.PasteText(location); err != nil {
		r.t.Fatal(err)
	}
	return code
}

// finish gives lines to the second step, whose stdin ends behind them.
func (r *rig) finish(lines ...string) error {
	input := make(chan string, len(lines))
	for _, line := range lines {
		input <- line
	}
	close(input)
	_, err := r.start().FinishSignIn(r.t.Context(), input, func(Event) {})
	return err
}

func (r *rig) waits() bool {
	_, err := os.Lstat(filepath.Join(r.home, "state", attemptFile))
	return err == nil
}

// TestTwoStepsByClock: ten minutes by the wall clock, and no clock that was put back makes
// them more.
func TestTwoStepsByClock(t *testing.T) {
	for passed, want := range map[time.Duration]int{9 * time.Minute: 0, 11 * time.Minute: ExitTimedOut,
		-time.Hour: ExitTimedOut} {
		r := newRig(t)
		code := r.begin(SignInOptions{})
		r.pass(passed)
		if err := r.finish(code); exitOf(err) != want || r.waits() {
			t.Errorf("after %s: %v, waits %v", passed, err, r.waits())
		}
	}
}

// TestTwoStepsEndWhileSomebodyTypes: the terminal that --finish reads stays silent.
func TestTwoStepsEndWhileSomebodyTypes(t *testing.T) {
	r := newRig(t)
	r.begin(SignInOptions{})
	r.pass(attemptLife - 100*time.Millisecond)
	if _, err := r.start().FinishSignIn(t.Context(), make(chan string), func(Event) {}); exitOf(err) != ExitTimedOut ||
		r.waits() {
		t.Errorf("%v, waits %v", err, r.waits())
	}
}

// TestTwoStepsFinishOnce: of many that finish at once, one sends.
func TestTwoStepsFinishOnce(t *testing.T) {
	r := newRig(t)
	code := r.begin(SignInOptions{})
	var all sync.WaitGroup
	errs := make(chan error, 8)
	for range cap(errs) {
		all.Go(func() { errs <- r.finish(code) })
	}
	all.Wait()
	close(errs)
	well := 0
	for err := range errs {
		if err == nil {
			well++
		} else if known := (&Error{}); !errors.As(err, &known) || known.Code != "no-sign-in" {
			t.Errorf("one that came too late: %v", err)
		}
	}
	if well != 1 || r.server.Count("exchange") != 1 || r.waits() {
		t.Errorf("%d finished, %d sent, waits %v", well, r.server.Count("exchange"), r.waits())
	}
}

// TestTwoStepsAfterAResponse: what the server may have looked at ends the attempt, and what
// it certainly did not look at lets it wait.
func TestTwoStepsAfterAResponse(t *testing.T) {
	for name, c := range map[string]struct {
		fault fakeclaude.Fault
		exit  int
		waits bool
	}{
		"down":      {faults.Unavailable(""), ExitTryLater, false},
		"lost":      {faults.Lost(), ExitTryLater, false},
		"refused":   {faults.Refusal(400, "invalid_grant", "FAKE"), ExitFailed, false},
		"throttled": {faults.Throttle("3600"), ExitTryLater, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			code := r.begin(SignInOptions{})
			r.faults(c.fault)
			err := r.finish(code)
			if exitOf(err) != c.exit || r.waits() != c.waits {
				t.Fatalf("%v, waits %v", err, r.waits())
			}
			known := &Error{}
			if !errors.As(err, &known) || known.Values.TwoSteps == c.waits ||
				known.Values.WaitsUntil.IsZero() == c.waits {
				t.Errorf("what is noted: %+v", known.Values)
			}
			r.faults()
			if again := r.finish(code); (again == nil) != c.waits {
				t.Errorf("once more: %v", again)
			}
			if _, err := os.Lstat(r.state(finishingFile)); err == nil {
				t.Error("the attempt that was sent stays")
			}
		})
	}
}

// TestTwoStepsKeepWhatWasChosen: each choice of the first step holds in the second.
func TestTwoStepsKeepWhatWasChosen(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	code := r.begin(SignInOptions{Account: "ci", LongLived: 24 * time.Hour, NoMirror: true})
	if err := r.finish(code); err != nil {
		t.Fatal(err)
	}
	l := r.ledger()
	a := l.Account("ci")
	if a == nil || !a.LongLived || l.Active != "default" {
		t.Errorf("the account ci: %+v, active %s", a, l.Active)
	}
	if got := r.server.Count("exchange"); got != 1 {
		t.Errorf("%d exchanges", got)
	}
}

// TestTwoStepsInterrupted: a signal while nothing came ends nothing.
func TestTwoStepsInterrupted(t *testing.T) {
	r := newRig(t)
	code := r.begin(SignInOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := r.start().FinishSignIn(ctx, make(chan string), func(Event) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if err := r.finish(code); err != nil {
		t.Errorf("and then: %v", err)
	}
}

// TestTwoStepsOnAFullDisk: no link is given that could not be finished, and a code is not
// spent that could not be kept.
func TestTwoStepsOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("only root can mount a small disk")
	}
	r := newRig(t)
	if err := os.MkdirAll(r.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mountSmall(r.home, "size=128k"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unmount(r.home) })
	filler := filepath.Join(r.home, "filler")
	fill := func() {
		f, err := os.Create(filler)
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		_ = f.Close()
	}
	code := r.begin(SignInOptions{})
	fill()
	if err := r.finish(code); exitOf(err) != ExitTryLater || r.server.Count("exchange") != 0 || !r.waits() {
		t.Errorf("--finish on a full disk: %v, %d sent, waits %v", err, r.server.Count("exchange"), r.waits())
	}
	if _, err := r.start().BeginSignIn(t.Context(), SignInOptions{}, func(e Event) {
		if e.Kind == EventPasteURL {
			t.Error("a link was given")
		}
	}); exitOf(err) != ExitTryLater {
		t.Errorf("--begin on a full disk: %v", err)
	}
	_ = os.Remove(filler)
	if err := r.finish(code); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestSavedAttemptIsHidden: what waits is printed by nothing.
func TestSavedAttemptIsHidden(t *testing.T) {
	r := newRig(t)
	r.begin(SignInOptions{})
	saved, err := r.start().waitingAttempt()
	if err != nil || len(saved.Verifier) != 43 {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v", saved), fmt.Sprintf("%+v", saved), fmt.Sprintf("%#v", saved),
		fmt.Sprintf("%v", &finishing{saved: saved})} {
		if strings.Contains(text, saved.Verifier) {
			t.Error("printed: ", text)
		}
	}
}

// The code is for the server that it was asked of: no other one gets it, nor the verifier.
func TestTwoStepsWithOtherSettings(t *testing.T) {
	for variable, value := range map[string]string{"ANTHROPIC_CLIENT_ID": "another", "ANTHROPIC_TOKEN_URL": ""} {
		r, other := newRig(t), newRig(t)
		code := r.begin(SignInOptions{})
		before := r.environ[variable]
		r.environ[variable] = cmp.Or(value, other.environ[variable])
		known := &Error{}
		if err := r.finish(code); !errors.As(err, &known) || known.Code != "settings-changed" ||
			known.Values.Reason != variable || !r.waits() {
			t.Errorf("%s: %v, waits %v", variable, err, r.waits())
		}
		if n := other.server.Count("exchange"); n != 0 {
			t.Errorf("%s: another server was sent the code", variable)
		}
		if r.environ[variable] = before; before == "" {
			delete(r.environ, variable)
		}
		if err := r.finish(code); err != nil {
			t.Errorf("%s: as before: %v", variable, err)
		}
	}
}

// A server that nobody reaches ends nothing: the code never left.
func TestTwoStepsWithoutANetwork(t *testing.T) {
	r := newRig(t)
	at := "127.0.0.1:" + testguard.FreePort(t)
	real, err := url.Parse(r.environ["ANTHROPIC_TOKEN_URL"])
	r.must(err)
	r.environ["ANTHROPIC_TOKEN_URL"] = "http://" + at + real.Path
	code := r.begin(SignInOptions{})
	known := &Error{}
	if err := r.finish(code); !errors.As(err, &known) || known.Exit != ExitTryLater ||
		known.Values.WaitsUntil.IsZero() || !r.waits() {
		t.Fatalf("%v, waits %v", err, r.waits())
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Skip(err) // somebody took the port
	}
	proxy := &http.Server{Handler: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: real.Scheme, Host: real.Host}),
		ReadHeaderTimeout: time.Minute}
	defer func() { _ = proxy.Close() }()
	go func() { _ = proxy.Serve(l) }()
	r.must(r.finish(code))
}
