package session

import (
	"errors"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/oauth"
)

// TestARefusalIsAFact: who words it need not read the sentence.
func TestARefusalIsAFact(t *testing.T) {
	for _, c := range []struct {
		failure *oauth.Error
		want    Code
	}{
		{&oauth.Error{Kind: oauth.Misconfigured, Status: 400, Code: "invalid_request", Err: oauth.ErrClaudeCodeOnly},
			CodeNotPermitted},
		{&oauth.Error{Kind: oauth.Misconfigured, Status: 400, Code: "unauthorized_client"}, CodeNotPermitted},
		{&oauth.Error{Kind: oauth.Misconfigured, Status: 403, Code: "permission_error"}, CodeNotPermitted},
		{&oauth.Error{Kind: oauth.Misconfigured, Status: 400, Code: "invalid_scope"}, "configuration"},
	} {
		if got := misfit(c.failure); got != c.want {
			t.Errorf("%+v is %q, want %q", c.failure, got, c.want)
		}
	}
	for code, want := range map[Code]bool{CodeNotPermitted: true, "configuration": true, "refused": false,
		"try-later": false} {
		if (&Problem{Code: code}).Refused() != want {
			t.Errorf("%q: refused is not %v", code, want)
		}
	}
	if (*Problem)(nil).Refused() {
		t.Error("no problem is a refusal")
	}
}

// TestARenewalThatTheProviderRefuses shows as that fact in the status.
func TestARenewalThatTheProviderRefuses(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.faults(faults.Refusal(403, "invalid_request",
		"This credential is only authorized for use with Claude Code and cannot be used for other API requests.").Repeat(
		fakeclaude.Forever))
	e := r.start()
	_, err := e.Renew(t.Context(), true)
	if known := (&Error{}); !errors.As(err, &known) || known.Code != CodeNotPermitted {
		t.Errorf("the renewal ends with %v", err)
	}
	if s := e.Status(t.Context()); !s.Problem.Refused() {
		t.Errorf("the status says %+v", s.Problem)
	}
}
