package session

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"keytender/internal/secret"
	"keytender/keychain"
)

// A profile that says less than is known takes nothing of it away.
func TestProfileTakesNothingAway(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"account":{"uuid":"acc-1"},"organization":{"uuid":"org-1"}}`)
	}))
	defer api.Close()
	known := keychain.Account{Email: "a@example.com", OrganizationID: "org-0", Organization: "Ann's", Plan: "max", RateLimitTier: "tier"}
	want := known
	want.ID, want.OrganizationID = "acc-1", "org-1"
	c := keychain.Credential{Access: secret.New("FAKE-access"), Account: known}
	if err := newRig(t, "KEYTENDER_API_URL="+api.URL).start().askWhose(t.Context(), &c, 5*time.Second); err != nil || c.Account != want {
		t.Errorf("%+v, %v; want %+v", c.Account, err, want)
	}
}
