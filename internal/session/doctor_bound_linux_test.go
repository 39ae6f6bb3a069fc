package session

import (
	"os"
	"strings"
	"testing"
	"time"
)

// What belongs to an account and is left in the entry comes back after a switch.
func TestBoundOverASwitch(t *testing.T) {
	for name, f := range map[string]func(text, token string) string{
		"no login": func(string, string) string { return `{"trustedDeviceToken":"FAKE-dev","claudeAiOauth":{"acc` },
		"whole":    func(text, _ string) string { return cutOff(text) },
		"cut in the token": func(text, token string) string {
			inner := text[strings.Index(text, `"claudeAiOauth"`):]
			inner = inner[:strings.Index(inner, token)+len(token)-2]
			return `{"trustedDeviceToken":"FAKE-dev",` + inner
		},
	} {
		r := newRig(t)
		r.keep("bob", r.other())
		a := r.signIn(8 * time.Hour)
		r.besides(map[string]string{"trustedDeviceToken": "FAKE-dev"})
		r.environ["KEYTENDER_MIRROR"] = "false"
		r.damage(func(text string) string { return f(text, a.Access.Reveal()) })
		r.mendAll()
		if !strings.Contains(r.entryText(), "FAKE-dev") {
			t.Errorf("%s: not left", name)
		}
		r.environ["KEYTENDER_MIRROR"] = "true"
		if _, err := r.start().Switch(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.entryText(), "FAKE-dev") {
			t.Errorf("%s: beside bob's login", name)
		}
		if _, err := r.start().Switch(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.entryText(), "FAKE-dev") {
			t.Errorf("%s: lost over a switch", name)
		}
	}
}

// What names another organization does not stay beside our login.
func TestBoundOfBobBesideOurs(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	bob := r.issued("bob@example.com", time.Hour)
	r.damage(func(string) string {
		return `{"organizationUuid":"` + bob.Account.OrganizationID + `","trustedDeviceToken":"FAKE-bob","claudeAiOauth":{"accessTok`
	})
	e := r.start()
	_, _ = e.Mend(t.Context(), e.Repairs(t.Context()))
	if text := r.entryText(); strings.Contains(text, "FAKE-bob") && strings.Contains(text, "accessToken") {
		t.Errorf("bob's device token lies beside our login: %s", text)
	}
}

// Where somebody signed out of ours, a login that nobody can make out has no other one written in its
// place.
func TestNothingIsWrittenWhereBobLay(t *testing.T) {
	for name, cut := range map[string]int{"whole": 0, "in the token": -3} {
		for _, ids := range []bool{true, false} {
			r := newRig(t)
			r.signIn(time.Hour)
			if err := os.WriteFile(r.entryFile(), []byte(`{}`), 0o600); err != nil {
				t.Fatal(err)
			}
			_ = r.start().tending().follow(t.Context())
			bob := r.issued("bob@example.com", time.Hour)
			if !ids {
				bob.Account.ID, bob.Account.OrganizationID = "", ""
			}
			r.writeEntry(bob)
			r.damage(func(s string) string {
				if cut == 0 {
					return cutOff(s)
				}
				return s[:strings.Index(s, bob.Access.Reveal())+len(bob.Access.Reveal())+cut]
			})
			e := r.start()
			_, _ = e.Mend(t.Context(), e.Repairs(t.Context()))
			text := r.entryText()
			if strings.Contains(text, "refreshToken") && !strings.Contains(text, bob.Refresh.Reveal()) {
				t.Errorf("%s ids %v: ours is written in the place of bob's", name, ids)
			}
		}
	}
}
