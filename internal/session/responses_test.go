package session

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/ledger"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// Each response of the token endpoint, what it costs, and how long it keeps every later
// process from sending.
func TestRenewalResponses(t *testing.T) {
	begin := time.Now() // and the clock stands: seconds of a busy machine are none of these
	date := func(after time.Duration) string { return begin.Add(after).UTC().Format(http.TimeFormat) }
	refusal := faults.Refusal
	for _, c := range []struct {
		name   string
		faults []fakeclaude.Fault
		nested bool

		exit        int
		posts       int           // of the first call
		least, most time.Duration // until something may be sent again; most 0: at once
		message     string
	}{
		{"a good response", nil, false, 0, 1, 0, 0, ""},

		{"429 with seconds", one(faults.Throttle("120")), false, 5, 1, 119 * time.Second, 120 * time.Second,
			"wait"},
		{"429 with a date", one(faults.Throttle(date(5 * time.Minute))), false, 5, 1,
			4*time.Minute + 50*time.Second, 5 * time.Minute, "wait"},
		{"429 with a date that is over", one(faults.Throttle(date(-time.Hour))), false, 5, 1, 29 * time.Second,
			36 * time.Second, "wait"},
		{"429 with nonsense", one(faults.Throttle("soon")), false, 5, 1, 29 * time.Second, 36 * time.Second,
			"wait"},
		{"429 without a word", one(faults.Throttle("")), false, 5, 1, 29 * time.Second, 36 * time.Second, "wait"},
		{"429 for a day is capped", one(faults.Throttle("86400")), false, 5, 1, 59 * time.Minute, time.Hour,
			"wait"},
		{"503 with seconds", one(faults.Unavailable("90")), false, 5, 1, 89 * time.Second, 90 * time.Second,
			"trouble"},
		{"503", one(faults.Unavailable("")), false, 5, 1, 29 * time.Second, 36 * time.Second, "trouble"},
		{"500", one(fakeclaude.Fault{Status: 500}), false, 5, 1, 29 * time.Second, 36 * time.Second, "trouble"},
		{"529", one(fakeclaude.Fault{Status: 529}), false, 5, 1, 29 * time.Second, 36 * time.Second, "trouble"},
		{"503 that names invalid_grant", one(refusal(503, "invalid_grant", "")), false, 5, 1, 29 * time.Second,
			36 * time.Second, "trouble"},

		{"invalid_grant", one(refusal(400, "invalid_grant", "")), false, 4, 1, 0, 0, string(FaultEnded)},
		{"invalid_grant, 401", one(refusal(401, "invalid_grant", "")), false, 4, 1, 0, 0, string(FaultEnded)},
		{"invalid_grant, 403", one(refusal(403, "invalid_grant", "")), false, 4, 1, 0, 0, string(FaultEnded)},
		{"invalid_grant, 404", one(refusal(404, "invalid_grant", "")), false, 4, 1, 0, 0, string(FaultEnded)},
		{"invalid_grant, nested", one(fakeclaude.Fault{Status: 400,
			Body: `{"type":"error","error":{"type":"invalid_grant","message":"no"}}`}), false, 4, 1, 0, 0,
			string(FaultEnded)},
		{"invalid_grant in the description only", one(refusal(400, "invalid_request", "this is no invalid_grant")),
			false, 1, 1, 29 * time.Minute, 30 * time.Minute, string(FaultAskingMisfit)},

		{"invalid_request", one(refusal(400, "invalid_request", "")), false, 1, 1, 29 * time.Minute, 30 * time.Minute,
			string(FaultAskingMisfit)},
		{"unsupported_grant_type", one(refusal(400, "unsupported_grant_type", "")), false, 1, 1, 29 * time.Minute,
			30 * time.Minute, string(FaultAskingMisfit)},
		{"invalid_scope", one(refusal(400, "invalid_scope", "")), false, 0, 2, 0, 0, ""},
		{"invalid_scope without any scope", []fakeclaude.Fault{refusal(400, "invalid_scope", ""),
			refusal(400, "invalid_scope", "")}, false, 1, 2, 59 * time.Minute, time.Hour, string(FaultAskingMisfit)},
		{"invalid_client", one(refusal(401, "invalid_client", "")), false, 1, 1, 29 * time.Minute, 30 * time.Minute,
			string(FaultAskingMisfit)},
		{"authorized for Claude Code only", one(fakeclaude.Fault{Status: 403,
			Body: `{"error":{"type":"permission_error","message":"This credential is only authorized for use with Claude Code and cannot be used for other API requests."}}`}),
			false, 1, 1, 29 * time.Minute, 30 * time.Minute, "Claude Code"},

		{"captive portal, 200", one(faults.HTMLPage(200)), false, 5, 1, 29 * time.Second, 36 * time.Second,
			"something else"},
		{"captive portal, 403", one(faults.HTMLPage(403)), false, 5, 1, 29 * time.Second, 36 * time.Second,
			"something else"},
		{"captive portal, 511", one(faults.HTMLPage(511)), false, 5, 1, 29 * time.Second, 36 * time.Second, ""},
		{"a redirect", one(faults.Redirect("http://localhost:1/elsewhere")), false, 5, 1, 29 * time.Second,
			36 * time.Second, "something else"},

		{"200 that is no JSON", one(fakeclaude.Fault{Status: 200, Body: "welcome"}), false, 5, 1, 9 * time.Minute,
			10 * time.Minute, "cannot be used"},
		{"200 that is an empty object", one(fakeclaude.Fault{Status: 200, Body: "{}"}), false, 5, 1, 9 * time.Minute,
			10 * time.Minute, string(FaultResponseUnusable)},

		{"refused before it was read, twice", []fakeclaude.Fault{{Reset: true}, {Reset: true}}, false, 5, 2,
			29 * time.Second, 36 * time.Second, "no whole response"},
		{"refused before it was read, once", one(fakeclaude.Fault{Reset: true}), false, 0, 2, 0, 0, ""},
		{"cut in its head", one(fakeclaude.Fault{CutAfter: 9}), false, 4, 2, 0, 0, string(FaultResponseLost)},
		{"a lost response", one(faults.Lost()), false, 4, 2, 0, 0, string(FaultResponseLost)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.still = begin
			before := r.signIn(-time.Minute)
			r.faults(c.faults...)
			_, err := r.start().Token(t.Context(), time.Minute)
			if exitOf(err) != c.exit {
				t.Fatalf("token: %v (exit %d)", err, exitOf(err))
			}
			if r.posts() != c.posts {
				t.Errorf("%d renewals were sent, want %d", r.posts(), c.posts)
			}
			if err != nil && !strings.Contains(err.Error(), c.message) {
				t.Errorf("what is said: %q", err)
			}
			if err != nil && (strings.Contains(err.Error(), "FAKE") || strings.Contains(err.Error(), "<")) {
				t.Errorf("what is said shows too much: %q", err)
			}
			r.faults()
			switch {
			case c.exit == 0:
				r.alive(r.stored())
				return
			case c.exit == ExitSignInAgain:
				// Final: whatever comes, nothing is sent again.
				r.pass(24 * time.Hour)
				for _, ask := range []func(*Engine) error{
					func(e *Engine) error { _, err := e.Token(t.Context(), 0); return err },
					func(e *Engine) error { _, err := e.Renew(t.Context(), true); return err },
					func(e *Engine) error { e.tending().tendNow(t.Context()); return againAs("", nil) },
				} {
					if err := ask(r.start()); exitOf(err) != ExitSignInAgain {
						t.Errorf("later: %v", err)
					} else if m := err.Error(); c.message == string(FaultResponseLost) && m != "" &&
						!strings.Contains(m, c.message) {
						t.Errorf("later it is not said that a response was lost: %q", m)
					}
				}
				if r.posts() != c.posts {
					t.Errorf("%d renewals were sent after the login had ended", r.posts()-c.posts)
				}
				if st := r.start().Status(t.Context()); st.State != SignInAgain || st.Problem == nil {
					t.Errorf("status: %+v", st)
				}
				return
			}
			if c.message != "could not be used" && !r.stored().SamePair(before) {
				t.Error("the tokens are not as before")
			}
			if st := r.start().Status(t.Context()); st.State != TryLater || st.Problem == nil {
				t.Errorf("status: %+v", st)
			}
			// A new start, and force, keep the time.
			r.pass(c.least - 2*time.Second)
			if _, err := r.start().Renew(t.Context(), true); exitOf(err) != c.exit || r.posts() != c.posts {
				t.Errorf("too early: %v, %d sent", err, r.posts()-c.posts)
			}
			r.pass(c.most - c.least + 4*time.Second)
			if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != c.posts+1 {
				t.Errorf("when the time is over: %v, %d sent", err, r.posts()-c.posts)
			}
			if st := r.start().Status(t.Context()); st.State != SignedIn || st.Problem != nil {
				t.Errorf("status afterwards: %+v", st)
			}
		})
	}
}

func one(f fakeclaude.Fault) []fakeclaude.Fault { return []fakeclaude.Fault{f} }

// Side fields of any shape never cost the rotated pair.
func TestLenientSideFields(t *testing.T) {
	hour := time.Hour
	for _, c := range []struct {
		name   string
		fault  fakeclaude.Fault
		life   time.Duration
		paused bool
	}{
		{"a fraction", faults.With("expires_in", "3599.5"), hour, false},
		{"a string", faults.With("expires_in", `"3600"`), hour, false},
		{"a word", faults.With("expires_in", `"soon"`), hour, true},
		{"null", faults.With("expires_in", `null`), hour, true},
		{"an object", faults.With("expires_in", `{}`), hour, true},
		{"missing", faults.Without("expires_in"), hour, true},
		{"more than any clock holds", faults.With("expires_in", `1e300`), 20 * 365 * 24 * hour, false},
		{"scope of the wrong type", faults.With("scope", `7`), 8 * hour, false},
		{"account of the wrong type", faults.With("account", `[]`), 8 * hour, false},
		{"the login's end of the wrong type", faults.With("refresh_token_expires_in", `"never"`), 8 * hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			before := r.signIn(-time.Minute)
			r.faults(c.fault)
			if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			after := r.stored()
			r.alive(after)
			if life := after.AccessEnds.Sub(r.now()); life > c.life || life < c.life-time.Minute {
				t.Errorf("it lives for %v, want %v", life, c.life)
			}
			if len(after.Scopes) == 0 || after.Account != before.Account ||
				after.LoginEnds.Sub(before.LoginEnds).Abs() > time.Minute {
				t.Errorf("what was known before is lost: %+v", after)
			}
			_, err := r.start().Renew(t.Context(), true)
			if (err != nil) != c.paused {
				t.Errorf("renewing once more at once: %v", err)
			}
		})
	}
}

// A 200 without a usable access token: the rotated refresh token is kept all the same,
// the access token of before is still good, and nothing is sent for ten minutes.
func TestRotatedTokenOfAnUnusableResponseIsKept(t *testing.T) {
	for name, fault := range map[string]fakeclaude.Fault{
		"no access token":                  faults.Without("access_token"),
		"an access token of another type":  faults.With("access_token", "17"),
		"a token type other than bearer":   faults.With("token_type", `"mac"`),
		"a body cut behind the new tokens": {CutAfter: 350},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			before := r.signIn(30 * time.Second)
			r.faults(fault)
			e := r.start()
			got, err := e.Token(t.Context(), time.Minute)
			if exitOf(err) != ExitTryLater || !got.Equal(before.Access) {
				t.Fatalf("token: %v, the old one: %v", err, got.Equal(before.Access))
			}
			after := r.stored()
			if after.Refresh.Equal(before.Refresh) {
				t.Fatal("the rotated token was not kept")
			}
			r.alive(after)
			if !r.entry().Login.Refresh.Equal(after.Refresh) {
				t.Error("Claude Code's entry was left with the spent token")
			}
			if st := r.start().Status(t.Context()); st.Problem == nil || st.State != SignedIn {
				t.Errorf("status: %+v", st)
			}
			r.pass(9 * time.Minute)
			if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater || r.posts() != 1 {
				t.Errorf("too early: %v, %d sent", err, r.posts())
			}
			r.pass(2 * time.Minute)
			if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.server.Count("renew-reused") != 0 {
				t.Errorf("after ten minutes: %v", err)
			}
		})
	}
}

func TestNoRotation(t *testing.T) {
	r := newRig(t)
	before := r.signIn(-time.Minute)
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Omit = []string{"refresh_token"} })
	for n := range 3 {
		if _, err := r.start().Renew(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		after := r.stored()
		if !after.Refresh.Equal(before.Refresh) || after.Access.Equal(before.Access) || r.posts() != n+1 {
			t.Fatalf("renewal %d: %+v", n, after)
		}
		if !r.entry().Login.SamePair(after) {
			t.Error("the entry is not in step")
		}
	}
}

// A token that still lives is handed out whatever the server says, with the trouble
// as a warning.
func TestStillValidTokenIsHandedOut(t *testing.T) {
	r := newRig(t)
	before := r.signIn(30 * time.Second)
	for _, fault := range []fakeclaude.Fault{faults.Throttle("3"), faults.Refusal(401, "invalid_client", ""),
		faults.Refusal(400, "invalid_grant", "")} {
		r.faults(fault)
		for range 2 {
			got, err := r.start().Token(t.Context(), time.Minute)
			if err == nil || !got.Equal(before.Access) {
				t.Fatalf("token: %v", err)
			}
		}
		w := r.work()
		w.l.ChainOf("default").NotBefore = time.Time{}
		w.end()
	}
	if st := r.start().Status(t.Context()); st.State != SignInAgain || !st.AccessToken.Valid ||
		st.AccessToken.Renewable {
		t.Errorf("status after invalid_grant: %+v", st)
	}
	r.server.Offline()
	if got, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitSignInAgain ||
		!got.Equal(before.Access) {
		t.Errorf("offline: %v", err)
	}
	if got, err := r.start().Token(t.Context(), 10*time.Second); err != nil || !got.Equal(before.Access) {
		t.Errorf("a token that is valid for long enough: %v", err)
	}
}

// A server that grants less than was asked for is not asked again while the token lives, and is for a
// validity that it can grant.
func TestLessGrantedThanAskedFor(t *testing.T) {
	for _, c := range []struct{ life, asked time.Duration }{
		{59 * time.Second, time.Minute}, {time.Minute, time.Minute}, {5 * time.Minute, time.Hour},
	} {
		r := newRig(t)
		r.signIn(-time.Minute)
		r.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = c.life })
		for _, step := range []struct {
			name         string
			after, asked time.Duration
			renewals     int
			enough       bool
		}{
			{"the first one", 0, c.asked, 1, false},
			{"at once", 0, c.asked, 1, false},
			{"near its end", c.life - c.life/8, c.asked, 1, false},
			{"for less", 0, c.life / 2, 2, true},
			{"about to end", c.life - time.Second, c.asked, 3, false},
			{"at once after that", 0, c.asked, 3, false},
		} {
			r.pass(step.after)
			token, err := r.start().Token(t.Context(), step.asked)
			if token.IsZero() || (err == nil) != step.enough || r.posts() != step.renewals {
				t.Errorf("tokens of %v, %v asked for, %s: %d renewals, %v", c.life, step.asked, step.name, r.posts(),
					err)
			}
		}
	}
}

// What was not sent is unspent: no pause, no alarm, and it works at once when the
// network is back.
func TestNotSent(t *testing.T) {
	r := newRig(t)
	before := r.signIn(-time.Minute)
	r.server.Offline()
	for range 3 {
		if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater ||
			!strings.Contains(err.Error(), string(FaultServerUnreached)) {
			t.Fatalf("offline: %v", err)
		}
	}
	if c := r.chain(); c.Intent != nil || !c.NotBefore.IsZero() {
		t.Errorf("the ledger: %+v", c)
	}
	if next := r.start().tending().tendNow(t.Context()); next > time.Minute {
		t.Errorf("the next look is in %v", next)
	}
	if err := r.server.Online(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != 1 ||
		!r.server.Spent(before.Refresh.Reveal()) {
		t.Errorf("online again: %v, %d sent", err, r.posts())
	}
}

// A response was lost, and then the network: what is not known yet is not forgotten.
func TestLostResponseThenOffline(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	r.faults(faults.Lost())
	off := false
	r.server.Set(func(b *fakeclaude.Behaviour) {
		b.OnToken = func(string) {
			if !off {
				off = true
				go r.server.Offline()
			}
		}
	})
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater {
		t.Fatalf("token: %v", err)
	}
	if c := r.chain(); c.Intent == nil || c.Intent.Sends != 1 {
		t.Fatalf("the ledger: %+v", c.Intent)
	}
	r.server.Offline() // wait for it
	if err := r.server.Online(); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Hour)
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitSignInAgain ||
		!strings.Contains(err.Error(), string(FaultResponseLost)) {
		t.Errorf("online again: %v", err)
	}
	if got := r.historyOf(); !slices.Contains(got, "lost") {
		t.Errorf("history: %v", got)
	}
}

// A server that takes the request and says nothing.
func TestSilentServer(t *testing.T) {
	restore(t, &callLimit, 300*time.Millisecond)
	r := newRig(t)
	r.signIn(-time.Minute)
	r.faults(fakeclaude.Fault{Silent: true, Times: fakeclaude.Forever})
	start := testguard.Start()
	_, err := r.start().Token(t.Context(), time.Minute)
	if exitOf(err) != ExitTryLater || r.posts() != 2 {
		t.Fatalf("token: %v, %d sent", err, r.posts())
	}
	start.Within(t, 5*time.Second, "it")
	if c := r.chain(); c.NotBefore.IsZero() || c.Intent == nil || c.Problem == nil {
		t.Errorf("the ledger: %+v", c)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater || r.posts() != 2 {
		t.Errorf("at once again: %v, %d sent", err, r.posts())
	}
	r.faults()
	r.server.Release()
	r.pass(time.Minute)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != 3 {
		t.Errorf("when it speaks again: %v, %d sent", err, r.posts())
	}
}

func restore[T any](t *testing.T, variable *T, value T) {
	t.Helper()
	before := *variable
	*variable = value
	t.Cleanup(func() { *variable = before })
}

// The resend comes five seconds after the send, also when that was another process's.
func TestResendPause(t *testing.T) {
	restore(t, &resendAfter, 400*time.Millisecond)
	t.Run("same process", func(t *testing.T) {
		r := newRig(t)
		r.signIn(-time.Minute)
		r.faults(fakeclaude.Fault{Reset: true})
		// not between what the server sees: the first may have been long on its way
		begun := r.now()
		if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		requests := slices.DeleteFunc(r.server.Requests(), func(q fakeclaude.Record) bool { return q.Kind != "renew" })
		if len(requests) != 2 {
			t.Fatalf("%d renewals were sent", len(requests))
		}
		if gap := requests[1].Time.Sub(begun); gap < 380*time.Millisecond {
			t.Errorf("sent again after %v", gap)
		}
	})
	intend := func(r *rig, c keychain.Credential, at time.Time) {
		w := r.work()
		w.l.ChainOf("default").Intent = &ledger.Intent{Refresh: c.Refresh.Fingerprint(), At: at, Sends: 1}
		w.end()
	}
	t.Run("a killed process", func(t *testing.T) {
		for _, c := range []struct {
			ago, least, most time.Duration
		}{
			{0, 380 * time.Millisecond, 3 * time.Second},
			{300 * time.Millisecond, 80 * time.Millisecond, 3 * time.Second},
			{time.Hour, 0, 300 * time.Millisecond},
			{-time.Hour, 380 * time.Millisecond, 3 * time.Second}, // the clock was put back
		} {
			r := newRig(t)
			before := r.signIn(-time.Minute)
			start := testguard.Start()
			intend(r, before, r.now().Add(-c.ago))
			if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != 1 {
				t.Fatalf("token: %v, %d sent", err, r.posts())
			}
			if took := start.Elapsed(); took < c.least {
				t.Errorf("a send %v ago: sent again after %v", c.ago, took)
			}
			start.Within(t, c.most, fmt.Sprintf("a send %v ago, and sending again,", c.ago))
		}
	})
	t.Run("cancelled while waiting", func(t *testing.T) {
		r := newRig(t)
		before := r.signIn(-time.Minute)
		intend(r, before, r.now())
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := r.start().Token(ctx, time.Minute); err == nil || r.posts() != 0 {
			t.Fatalf("token: %v, %d sent", err, r.posts())
		}
		if c := r.chain(); c.Intent == nil || c.Intent.Sends != 1 || !c.NotBefore.IsZero() {
			t.Errorf("the ledger: %+v", c)
		}
	})
}

// Cancelled after the send: the response is stored first.
func TestCancelledAfterTheSend(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.server.Set(func(b *fakeclaude.Behaviour) { b.OnToken = func(string) { cancel() } })
	_, _ = r.start().Token(ctx, time.Minute)
	r.alive(r.stored())
	if !r.entry().Login.SamePair(r.stored()) || r.posts() != 1 {
		t.Errorf("the entry is not in step, or %d were sent", r.posts())
	}
}

// tendFor runs the tray's loop for a while of the rig's clock and returns when
// renewals were sent, counted from the beginning.
func (r *rig) tendFor(d time.Duration) []time.Duration {
	r.t.Helper()
	begin := r.now()
	for r.now().Sub(begin) < d {
		r.pass(r.start().tending().tendNow(r.t.Context()))
	}
	var sent []time.Duration
	for _, q := range r.server.Requests() {
		if q.Kind == "renew" && q.Time.Before(begin.Add(d)) {
			sent = append(sent, q.Time.Sub(begin))
		}
	}
	return sent
}

// How often the tray may send, hour by hour.
func TestPacingOverHours(t *testing.T) {
	forever := func(f fakeclaude.Fault) fakeclaude.Fault { return f.Repeat(fakeclaude.Forever) }
	for _, c := range []struct {
		name  string
		fault fakeclaude.Fault
		hours int
		most  int           // in any hour
		apart time.Duration // at least
		least int           // in all: it does go on trying
	}{
		{"an outage", forever(faults.Unavailable("")), 3, 8, 25 * time.Second, 9},
		{"an outage that resets", forever(fakeclaude.Fault{Reset: true}), 3, 8, 0, 9},
		{"throttled", forever(faults.Throttle("")), 3, 8, 25 * time.Second, 9},
		{"asked to wait half an hour", forever(faults.Throttle("1800")), 3, 2, 29 * time.Minute, 6},
		{"configuration", forever(faults.Refusal(401, "invalid_client", "")), 3, 2, 29 * time.Minute, 6},
		{"a scope that is refused, and none at all too", forever(faults.Refusal(400, "invalid_scope", "")), 3, 2, 0,
			6},
		{"no access token", forever(faults.Without("access_token", "refresh_token")), 1, 6, 10 * time.Minute, 6},
		{"rotated, and no access token", forever(faults.Without("access_token")), 1, 6, 10 * time.Minute, 6},
		{"no expires_in", forever(faults.Without("expires_in")), 3, 2, 10 * time.Minute, 3},
		{"a second", forever(faults.With("expires_in", "1")), 4, 5, time.Minute, 16},
		{"nothing at all", forever(faults.With("expires_in", "0")), 4, 5, time.Minute, 16},
		{"less than nothing", forever(faults.With("expires_in", "-5")), 4, 5, time.Minute, 16},
		{"a captive portal", forever(faults.HTMLPage(200)), 3, 8, 25 * time.Second, 9},
		{"invalid_grant", forever(faults.Refusal(400, "invalid_grant", "")), 24, 1, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.signIn(-time.Minute)
			r.faults(c.fault)
			sent := r.tendFor(time.Duration(c.hours) * time.Hour)
			for i, at := range sent {
				within := 0
				for _, other := range sent[i:] {
					if other-at < time.Hour {
						within++
					}
				}
				if within > c.most {
					t.Errorf("%d renewals within an hour from %v: %v", within, at, sent)
					break
				}
				if i > 0 && at-sent[i-1] < c.apart {
					t.Errorf("two renewals %v apart: %v", at-sent[i-1], sent)
				}
			}
			if len(sent) < c.least {
				t.Errorf("%d renewals in %d hours: %v", len(sent), c.hours, sent)
			}
			if r.server.Count("renew-reused") != 0 {
				t.Error("a spent token was sent")
			}
		})
	}
}

// Good times: one renewal for each token, shortly before its end.
func TestTendRenewsWhenDue(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	sent := r.tendFor(25 * time.Hour)
	if len(sent) != 3 {
		t.Fatalf("renewed at %v", sent)
	}
	for i, at := range sent {
		due := time.Duration(i+1) * (8*time.Hour - time.Minute)
		if at < due-time.Second || at > due+2*time.Minute {
			t.Errorf("renewal %d at %v, due at %v", i, at, due)
		}
	}
	r.alive(r.stored())
}

// The computer slept through the end of the token, and its clock is moved about.
func TestClockJumps(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	r.pass(40 * time.Hour) // sleep
	if next := r.start().tending().tendNow(t.Context()); next > time.Minute || r.posts() != 1 {
		t.Errorf("after waking %d renewals were sent, and the next look is in %v", r.posts(), next)
	}
	// Set to next year for a moment, renewed there, and put back.
	r.pass(300 * 24 * time.Hour)
	fresh := r.issued("a@example.com", -time.Minute)
	r.keep("default", fresh)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	ahead := r.stored()
	r.pass(-300 * 24 * time.Hour)
	sent := r.posts()
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != sent+1 {
		t.Errorf("a token that claims to live for 300 days: %v, %d sent", err, r.posts()-sent)
	}
	back := r.stored()
	if back.SamePair(ahead) || back.AccessEnds.Sub(r.now()) > 9*time.Hour {
		t.Errorf("it still claims to live until %v", back.AccessEnds)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != sent+1 {
		t.Errorf("the next call sends again: %v", err)
	}
	// A pause that was noted while the clock was ahead does not last for a year.
	r.pass(24 * 365 * time.Hour)
	r.faults(faults.Throttle("3600"))
	_, _ = r.start().Token(t.Context(), time.Minute)
	r.pass(-24 * 365 * time.Hour)
	r.faults()
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Errorf("a pause from the future: %v", err)
	}
}

// The monotonic reading stands still while a laptop sleeps: none may be compared.
func TestWallHasNoMonotonicReading(t *testing.T) {
	e := &Engine{state: state{now: time.Now}}
	if strings.Contains(e.wall().String(), "m=") {
		t.Error("wall keeps the monotonic reading")
	}
}

// Tend looks at the clock every minute: after a sleep of the computer a long timer
// would be late. With a valid token it sends nothing and needs no network.
func TestTendLooksEveryMinute(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	e := r.start()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		e.now = func() time.Time { looks++; return time.Now() }
		e.client.TokenURL = "http://127.0.0.1:9/token" // sending would fail, and be seen
		c := storedBy(t, e)
		c.AccessEnds = time.Now().Add(8 * time.Hour)
		if err := r.vault().save(t.Context(), "default", c); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); e.Tend(ctx, nil) }()
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		cancel()
		<-done
		if looks < 10 {
			t.Errorf("%d looks at the clock in ten minutes", looks)
		}
		if c := r.chain(); c.Problem != nil {
			t.Errorf("something was sent: %+v", c.Problem)
		}
	})
}

// TestTendReadsWhenTold: while nothing on the disk changes, the clock alone is looked
// at; a change is, and so is a clock that went back.
func TestTendReadsWhenTold(t *testing.T) {
	for what, tell := range map[string]func(changed chan<- struct{}, shift *atomic.Int64){
		"a change":               func(changed chan<- struct{}, _ *atomic.Int64) { changed <- struct{}{} },
		"a clock that went back": func(_ chan<- struct{}, shift *atomic.Int64) { shift.Store(int64(-time.Hour)) },
	} {
		r := newRig(t)
		r.signIn(8 * time.Hour)
		e := r.start()
		synctest.Test(t, func(t *testing.T) {
			var shift atomic.Int64
			e.now = func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
			e.client.TokenURL = "http://127.0.0.1:9/token" // sending fails, and is seen
			keep := func(left time.Duration) {
				t.Helper()
				c := storedBy(t, e)
				c.AccessEnds, c.Lifetime = e.wall().Add(left), 0
				if err := r.vault().save(t.Context(), "default", c); err != nil {
					t.Fatal(err)
				}
			}
			tried := func() bool {
				time.Sleep(3 * time.Minute)
				c := r.chain()
				return c.Failures > 0 || c.Problem != nil
			}
			keep(8 * time.Hour)
			changed := make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); e.Tend(ctx, changed) }()
			time.Sleep(90 * time.Second)
			keep(-2 * time.Hour)
			if tried() {
				t.Errorf("before %s, which nobody told, the record was read", what)
			}
			tell(changed, &shift)
			if !tried() {
				t.Errorf("%s was not looked at", what)
			}
			cancel()
			<-done
		})
	}
}

// storedBy is what is in the store, whatever the rig's clock says.
func storedBy(t *testing.T, e *Engine) keychain.Credential {
	t.Helper()
	l, err := e.ledger()
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.vault(l).loadStored(context.Background(), "default")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// No scope but a sign-in's is asked for at a renewal, and no agent's name but ours.
func TestRenewalRequest(t *testing.T) {
	r := newRig(t)
	c := r.issued("a@example.com", -time.Minute)
	c.Scopes = []string{"org:create_api_key", "user:profile", "user:inference"}
	r.keep("default", c)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, q := range r.server.Requests() {
		if q.Kind != "renew" {
			continue
		}
		if q.Body["scope"] != "user:profile user:inference" || !strings.HasPrefix(q.UserAgent, "keytender/") ||
			q.Header["Content-Type"] != "application/json" {
			t.Errorf("the request: %+v", q)
		}
	}
	// Nor are scopes invented.
	if got := renewalScopes(nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestLoginWithoutRefreshToken(t *testing.T) {
	r := newRig(t)
	c := r.issued("a@example.com", time.Hour)
	c.Refresh, c.Lifetime = keychain.Credential{}.Refresh, 365*24*time.Hour
	r.keep("default", c)
	if got, err := r.start().Token(t.Context(), time.Minute); err != nil || !got.Equal(c.Access) {
		t.Errorf("token: %v", err)
	}
	if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitSignInAgain {
		t.Errorf("refresh --force: %v", err)
	}
	r.pass(2 * time.Hour)
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitSignInAgain {
		t.Errorf("token after its end: %v", err)
	}
	if st := r.start().Status(t.Context()); st.State != SignInAgain {
		t.Errorf("status: %+v", st)
	}
	if r.posts() != 0 {
		t.Error("something was sent")
	}
}

func TestSignedOut(t *testing.T) {
	r := newRig(t)
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitSignedOut {
		t.Errorf("token: %v", err)
	}
	if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitSignedOut {
		t.Errorf("refresh: %v", err)
	}
	if _, err := r.start().Mirror(t.Context()); exitOf(err) != ExitSignedOut {
		t.Errorf("mirror: %v", err)
	}
	if err := r.start().tending().follow(t.Context()); err != nil {
		t.Errorf("follow: %v", err)
	}
	st := r.start().Status(t.Context())
	if st.Exit() != ExitSignedOut {
		t.Errorf("status: %+v", st)
	}
	if _, err := os.Stat(r.entryFile()); err == nil {
		t.Error("an entry was made")
	}
	if _, err := json.Marshal(st); err != nil {
		t.Error(err)
	}
}

// TestShortRetryAfters: a server in trouble that asks for a second each time is not asked
// each second.
func TestShortRetryAfters(t *testing.T) {
	for _, status := range []int{429, 503} {
		r := newRig(t)
		r.signIn(-time.Minute)
		r.server.Set(func(b *fakeclaude.Behaviour) {
			b.Faults = one(fakeclaude.Fault{On: "renew", Times: fakeclaude.Forever, Status: status,
				Header: map[string]string{"Retry-After": "1"}})
		})
		for range 360 {
			if _, err := r.start().Token(t.Context(), time.Minute); err == nil {
				t.Fatal("a token came")
			}
			r.pass(10 * time.Second)
		}
		if n := r.posts(); n < 4 || n > 8 {
			t.Errorf("%d: %d sends in the first hour", status, n)
		}
	}
}

// TestHastySignIn: the sign-in's own response counts too.
func TestHastySignIn(t *testing.T) {
	r := newRig(t)
	c := r.issued("a@example.com", 0)
	c.AccessEnds = c.Issued
	r.keep(r.account, c)
	r.pass(50 * time.Second)
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater || r.posts() != 0 {
		t.Errorf("within the minute: %v, %d sent", err, r.posts())
	}
	r.pass(11 * time.Second)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != 1 {
		t.Errorf("after it: %v, %d sent", err, r.posts())
	}
}
