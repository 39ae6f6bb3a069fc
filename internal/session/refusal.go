package session

import (
	"errors"

	"keytender/internal/oauth"
)

// CodeNotPermitted is the code of a provider's refusal: it lets no program but its own have
// this login. It is final, and nothing tries to get around it.
const CodeNotPermitted Code = "not-permitted"

// Refused reports whether the server turned Keytender away, so that only Claude Code's own
// sign-in helps. A response about the settings counts: with those that Keytender comes with,
// it means the same.
func (p *Problem) Refused() bool {
	return p != nil && isRefusal(p.Code)
}

func isRefusal(code Code) bool { return code == CodeNotPermitted || code == CodeConfiguration }

// misfit is the code for a response to a call that the server does not accept as it is.
func misfit(failure *oauth.Error) Code {
	switch {
	case errors.Is(failure, oauth.ErrClaudeCodeOnly):
		return CodeNotPermitted
	case failure.Code == "unauthorized_client", failure.Code == "permission_error":
		return CodeNotPermitted // RFC 6749 §5.2, and the API's own word
	}
	return CodeConfiguration
}
