package session

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// A profile that says less than is known takes nothing of it away.
func TestProfileTakesNothingAway(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"account":{"uuid":"acc-1"},"organization":{"uuid":"org-1"}}`)
	}))
	defer api.Close()
	known := keychain.Account{Email: "a@example.com", OrganizationID: "org-0", Organization: "Ann's", Plan: "max",
		RateLimitTier: "tier"}
	want := known
	want.ID, want.OrganizationID = "acc-1", "org-1"
	c := keychain.Credential{Access: secret.New("FAKE-access"), Account: known}
	if err := newRig(t, "KEYTENDER_API_URL="+api.URL).start().asking().askWhose(t.Context(), &c,
		5*time.Second); err != nil || c.Account != want {
		t.Errorf("%+v, %v; want %+v", c.Account, err, want)
	}
}

// TestTwoOrganizationsOfOneEMailAreToldApart: where one e-mail names two of our accounts, the
// organisation stands beside it, and nowhere else.
func TestTwoOrganizationsOfOneEMailAreToldApart(t *testing.T) {
	one := ledger.Person{ID: "acc-1", Organization: "organization-1", Email: "a@example.com"}
	two := ledger.Person{ID: "acc-1", Organization: "organization-2", Email: "a@example.com"}
	three := ledger.Person{ID: "acc-1", Organization: "third-organization", Email: "a@example.com"}
	other := ledger.Person{ID: "acc-2", Organization: "organization-1", Email: "b@example.com"}
	w := &work{l: &ledger.Ledger{Accounts: []*ledger.Account{{Name: "a", Person: one, Organization: "Ann's"},
		{Name: "b", Person: other}}}}
	for _, c := range []struct {
		p    ledger.Person
		want string
	}{
		{one, "a@example.com"},
		{two, "a@example.com (organization organiza…)"},
		{other, "b@example.com"},
		{ledger.Person{Email: "a@example.com"}, "a@example.com"},
		{ledger.Person{ID: "0123456789"}, "another account (01234567…)"},
		{ledger.Person{}, "another account"},
	} {
		if got := w.named(c.p); got != c.want {
			t.Errorf("%+v is called %q, want %q", c.p, got, c.want)
		}
	}
	w.l.Accounts = append(w.l.Accounts, &ledger.Account{Name: "c", Person: two})
	if got := w.named(one); got != "a@example.com (Ann's)" {
		t.Errorf("beside a twin it is called %q", got)
	}
	if got := w.named(three); got != "a@example.com (organization third-or…)" {
		t.Errorf("a third one is called %q", got)
	}
}
