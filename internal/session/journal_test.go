package session

import (
	"fmt"
	"testing"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/internal/secret"
	"keytender/keychain"
)

func token(n int) secret.String { return secret.New(fmt.Sprintf("sk-ant-ort01-FAKE-%d", n)) }

// An outage: 30 s, doubled up to an hour, a fifth of chance on top.
func TestBackOff(t *testing.T) {
	for failures := range 200 {
		least := ledger.MaxPause
		if failures < 7 {
			least = 30 * time.Second << failures
		}
		for range 50 {
			got := backOff(failures)
			if got < least || got > ledger.MaxPause || float64(got) > float64(least)*1.2 {
				t.Fatalf("after %d failures: %v", failures, got)
			}
		}
	}
	sum := time.Duration(0)
	sends := 1
	for failures := 0; sum < time.Hour; failures++ {
		if sum += 30 * time.Second << failures; sum < time.Hour {
			sends++
		}
	}
	if sends > 7 {
		t.Errorf("%d sends in the first hour of an outage: with the one resend that is more than 8", sends)
	}
}

func TestPace(t *testing.T) {
	w := &work{Engine: &Engine{state: state{now: func() time.Time { return now0 }}}}
	good := oauth.Grant{Access: secret.New("FAKE"), ExpiresIn: 8 * time.Hour, ExpiresInKnown: true}
	unknown, hasty := good, good
	unknown.ExpiresIn, unknown.ExpiresInKnown = time.Hour, false
	hasty.ExpiresIn = time.Second
	for _, c := range []struct {
		name  string
		grant oauth.Grant
		err   error
		hasty []time.Duration // ago
		want  time.Duration
	}{
		{"a good response", good, nil, nil, 0},
		{"a good response ends the haste", good, nil, []time.Duration{time.Minute}, 0},
		{"no expires_in", unknown, nil, nil, 10 * time.Minute},
		{"no access token", oauth.Grant{}, &oauth.Error{Kind: oauth.Malformed}, nil, 10 * time.Minute},
		{"a second", hasty, nil, nil, time.Minute},
		{"a second, the fourth time", hasty, nil, []time.Duration{30 * time.Minute, 20 * time.Minute, 10 * time.Minute},
			time.Minute},
		{"a second, the fifth time", hasty, nil,
			[]time.Duration{50 * time.Minute, 40 * time.Minute, 30 * time.Minute, 20 * time.Minute}, 10 * time.Minute},
		{"a second, those of earlier forgotten", hasty, nil,
			[]time.Duration{3 * time.Hour, 2 * time.Hour, 90 * time.Minute, time.Hour}, time.Minute},
		{"a second, those from a clock that was ahead forgotten", hasty, nil,
			[]time.Duration{-time.Hour, -time.Hour, -time.Hour, -time.Hour}, time.Minute},
	} {
		ch := &ledger.Chain{NotBefore: now0.Add(time.Hour), Why: "before"}
		for _, ago := range c.hasty {
			ch.Hasty = append(ch.Hasty, now0.Add(-ago))
		}
		w.paceChain(ch, c.grant, c.err)
		got := time.Duration(0)
		if !ch.NotBefore.IsZero() {
			got = ch.NotBefore.Sub(now0)
		}
		if got != c.want || (c.want > 0) != (ch.Why != "") {
			t.Errorf("%s: not before %v (%q), want %v", c.name, got, ch.Why, c.want)
		}
	}
}

var now0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestEnoughAndMeets(t *testing.T) {
	e := &Engine{state: state{now: func() time.Time { return now0 }}}
	e.config.RefreshSkew = time.Minute
	access := secret.New("sk-ant-oat01-FAKE-1")
	seen := ledger.PairOf(access, secret.String{})
	for _, c := range []struct {
		name           string
		left, lifetime time.Duration
		want           time.Duration
		valid, enough  bool
	}{
		{"a fresh one", 8 * time.Hour, 8 * time.Hour, time.Minute, true, true},
		{"at the skew", time.Minute, 8 * time.Hour, time.Minute, false, false},
		{"just before the skew", time.Minute + time.Second, 8 * time.Hour, time.Minute, true, true},
		{"ended", -time.Second, 8 * time.Hour, 0, false, false},
		{"ends now", 0, 8 * time.Hour, 0, false, false},
		{"more wanted than is granted: half is enough", 5 * time.Hour, 8 * time.Hour, 12 * time.Hour, false, true},
		{"more wanted than is granted, and less than half left", 3 * time.Hour, 8 * time.Hour, 12 * time.Hour, false,
			false},
		{"a short-lived one", 40 * time.Second, time.Minute, time.Minute, false, true},
		{"another program's, whose lifetime is not known", 2 * time.Hour, 0, 3 * time.Hour, false, false},
		{"clock put back: more left than was granted", 30 * time.Hour, 8 * time.Hour, time.Minute, true, false},
		{"clock put back, lifetime not known", 30 * time.Hour, 0, time.Minute, true, true},
	} {
		cred := keychain.Credential{Access: access, AccessEnds: now0.Add(c.left), Lifetime: c.lifetime}
		if got := e.validFor(&cred, c.want); got != c.valid {
			t.Errorf("%s: valid for %v: %v", c.name, c.want, got)
		}
		if got := e.enough(&cred, c.want); got != c.enough {
			t.Errorf("%s: enough for %v: %v", c.name, c.want, got)
		}
		if c.want >= time.Minute {
			if got := e.meets(need{minValid: c.want}, &cred); got != c.enough {
				t.Errorf("%s: meets a need of %v: %v", c.name, c.want, got)
			}
		}
		if e.meets(need{seen: seen, force: true}, &cred) {
			t.Errorf("%s: meets a need for another token", c.name)
		}
		if c.want >= time.Minute {
			// The pair that the caller has seen must be valid for as long as it was asked for.
			if got := e.meets(need{minValid: c.want, seen: seen}, &cred); got != (c.valid && e.plausible(&cred)) {
				t.Errorf("%s: the seen pair meets a need of %v: %v", c.name, c.want, got)
			}
		}
		if got := e.meets(need{minValid: time.Minute, force: true,
			seen: ledger.Pair{Access: secret.New("sk-ant-oat01-FAKE-0").Fingerprint()}}, &cred); got != e.enough(&cred,
			time.Minute) {
			t.Errorf("%s: whether it replaces another: %v", c.name, got)
		}
	}
	for name, cred := range map[string]keychain.Credential{
		"no token": {AccessEnds: now0.Add(time.Hour)}, "no end": {Access: access},
	} {
		if e.validFor(&cred, 0) || e.enough(&cred, 0) {
			t.Errorf("%s: counts as valid", name)
		}
	}
	if !e.meets(need{}, &keychain.Credential{Access: access, AccessEnds: now0.Add(2 * time.Minute)}) ||
		e.meets(need{}, &keychain.Credential{Access: access, AccessEnds: now0.Add(30 * time.Second)}) {
		t.Error("the skew counts where less is wanted")
	}
}

func TestMerge(t *testing.T) {
	w := &work{Engine: &Engine{state: state{now: func() time.Time { return now0 }}}}
	ends := now0.Add(20 * 24 * time.Hour)
	old := keychain.Credential{
		Access: secret.New("sk-ant-oat01-FAKE-1"), Refresh: token(1), AccessEnds: now0.Add(time.Hour), LoginEnds: ends,
		LoginEndsEstimated: true,
		Scopes:             []string{"user:inference"}, Account: keychain.Account{Email: "a@example.com", Plan: "max"},
		Issued: now0.Add(-7 * time.Hour), Method: "browser",
	}
	grant := oauth.Grant{Access: secret.New("sk-ant-oat01-FAKE-2"), Refresh: token(2), ExpiresIn: 8 * time.Hour,
		ExpiresInKnown: true, LoginExpiresIn: 99 * 24 * time.Hour}

	got := w.merge(old, grant, nil)
	if !got.Access.Equal(grant.Access) || !got.Refresh.Equal(grant.Refresh) ||
		!got.AccessEnds.Equal(now0.Add(8*time.Hour)) || got.Lifetime != 8*time.Hour {
		t.Errorf("the new pair: %+v", got)
	}
	if len(got.Scopes) != 1 || got.Account != old.Account || got.Method != "browser" {
		t.Errorf("what the response leaves out was lost: %+v", got)
	}

	kept := grant
	kept.Refresh, kept.Scopes = secret.String{}, []string{"user:profile"}
	if got := w.merge(old, kept, nil); !got.Refresh.Equal(old.Refresh) || got.Scopes[0] != "user:profile" {
		t.Errorf("no refresh token in the response: %+v", got)
	}
	if got := w.merge(old, oauth.Grant{Refresh: token(2)},
		&oauth.Error{Kind: oauth.Malformed}); !got.Refresh.Equal(token(2)) || !got.Access.Equal(old.Access) ||
		!got.AccessEnds.Equal(old.AccessEnds) {
		t.Errorf("an unusable response with a rotated token: %+v", got)
	}
	unknown := old
	unknown.LoginEnds = time.Time{}
	if got := w.merge(unknown, grant, nil); !got.LoginEnds.Equal(now0.Add(99 * 24 * time.Hour)) {
		t.Errorf("the login's end was not known and is %v", got.LoginEnds)
	}
	// A renewed pair is the newer one, whatever the clock says.
	for _, issued := range []time.Time{now0.Add(30 * 24 * time.Hour), now0, now0.Add(-time.Microsecond), {}} {
		old.Issued = issued
		got := w.merge(old, grant, nil)
		text, err := got.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := keychain.DecodeCredential(text)
		if err != nil || !back.Issued.After(issued.Truncate(time.Millisecond)) {
			t.Errorf("issued %v after one that was issued %v (%v)", back.Issued, issued, err)
		}
	}
}

// An end that the server tells replaces a guess, an earlier one always wins, and no
// renewal moves a known end away.
func TestLoginEnd(t *testing.T) {
	w := &work{Engine: &Engine{state: state{now: func() time.Time { return now0 }, heard: &heard{}}}}
	day := 24 * time.Hour
	for _, c := range []struct {
		name      string
		was       time.Duration
		estimated bool
		told      time.Duration
		want      time.Duration
		guess     bool
	}{
		{"nothing is told", 20 * day, false, 0, 20 * day, false},
		{"nothing is told beside a guess", 20 * day, true, 0, 20 * day, true},
		{"an end beside a guess", 30 * day, true, 5 * day, 5 * day, false},
		{"a later end beside a guess", 20 * day, true, 25 * day, 25 * day, false},
		{"an earlier end", 20 * day, false, 5 * day, 5 * day, false},
		{"a later end", 20 * day, false, 30 * day, 20 * day, false},
		{"nothing is told after the end", -day, false, 0, -day, false},
		{"nothing is told after a guess", -day, true, 0, 30 * day, true},
		{"another end after the end", -day, false, 20 * day, 20 * day, false},
	} {
		got, guess := w.loginEnd(keychain.Credential{LoginEnds: now0.Add(c.was), LoginEndsEstimated: c.estimated},
			oauth.Grant{LoginExpiresIn: c.told})
		if !got.Equal(now0.Add(c.want)) || guess != c.guess {
			t.Errorf("%s: %v (estimated %v)", c.name, got.Sub(now0), guess)
		}
	}
}
