package fakeclaude

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exchange is the authorization_code grant (RFC 6749 §4.1.3, RFC 7636 §4.6).
func (s *Server) exchange(fields map[string]string, omit []string) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, now := s.switches, s.now()
	if fields["client_id"] != b.ClientID {
		return b.oauthError(401, "invalid_client", "Client not found.")
	}
	for _, name := range []string{"code", "redirect_uri", "code_verifier", "state"} {
		if fields[name] == "" {
			return b.oauthError(400, "invalid_request", "The parameter "+name+" is missing.")
		}
	}
	c := s.ledger.codes[fields["code"]]
	switch {
	case c != nil && c.spent:
		// RFC 6749 §4.1.2: what the code was exchanged for is revoked.
		s.counts["exchange-reused"]++
		c.family.revoked = true
		fallthrough
	case c == nil, !now.Before(c.ends):
		return b.oauthError(400, "invalid_grant", "Invalid 'code' in request.")
	case fields["state"] != c.state:
		return b.oauthError(400, "invalid_request", "Invalid 'state' in request.")
	}
	life, custom, problem := lifetime(fields["expires_in"], c.scopes, b)
	if problem != "" {
		return b.oauthError(400, "invalid_request", problem)
	}

	// From here on the code is used up, whether it fits or not: a stolen code allows
	// one guess.
	c.spent = true
	c.family = &family{account: c.account, scopes: c.scopes, ends: now.Add(b.LoginLife)}
	switch {
	case fields["redirect_uri"] != c.redirectURI:
		return b.oauthError(400, "invalid_grant", "Invalid 'redirect_uri' in request.")
	case challengeOf(fields["code_verifier"]) != c.challenge:
		return b.oauthError(400, "invalid_grant", "Invalid 'code_verifier' in request.")
	}
	refresh := ""
	if (!custom || b.LongLifeRefresh) && !slices.Contains(omit, "refresh_token") {
		refresh = s.ledger.addRefresh(c.family)
	}
	return s.grant(c.family, c.scopes, now, life, refresh)
}

// renew is the refresh_token grant with rotation (RFC 6749 §6, RFC 9700 §4.14.2).
func (s *Server) renew(fields map[string]string, omit []string) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, now := s.switches, s.now()
	if fields["client_id"] != b.ClientID {
		return b.oauthError(401, "invalid_client", "Client not found.")
	}
	if fields["refresh_token"] == "" {
		return b.oauthError(400, "invalid_request", "The parameter refresh_token is missing.")
	}
	t := s.ledger.tokens[fields["refresh_token"]]
	if t != nil && t.spent {
		// Two parties hold this token and one of them may be a thief.
		s.counts["renew-reused"]++
		t.family.revoked = true
	}
	if !t.alive(now) || !t.refresh {
		return b.oauthError(400, "invalid_grant", "Refresh token not found or invalid")
	}
	scopes := t.scopes
	if asked := strings.Fields(fields["scope"]); len(asked) > 0 {
		if bad := b.refusedScope(asked); bad != "" {
			return b.oauthError(400, "invalid_scope", "Unknown scope: "+bad)
		}
		// The real client asks for a fixed list, whatever was granted, and gets what
		// is in both.
		scopes = slices.DeleteFunc(asked, func(scope string) bool { return !slices.Contains(t.scopes, scope) })
		if len(scopes) == 0 {
			return b.oauthError(400, "invalid_scope", "None of the scopes was granted.")
		}
	}
	refresh := ""
	if !slices.Contains(omit, "refresh_token") {
		t.spent = true
		refresh = s.ledger.addRefresh(t.family)
	}
	return s.grant(t.family, scopes, now, b.AccessLife, refresh)
}

// grant issues an access token and shapes the response of both grants. mu is held.
func (s *Server) grant(f *family, scopes []string, now time.Time, life time.Duration, refresh string) response {
	fields := map[string]any{
		"token_type":   "Bearer",
		"access_token": s.ledger.addAccess(f, scopes, now.Add(life)),
		"expires_in":   int64(life / time.Second),
		"scope":        strings.Join(scopes, " "),
		"account":      map[string]any{"uuid": f.account.uuid, "email_address": f.account.email},
		"organization": map[string]any{"uuid": f.account.organizationUUID, "name": f.account.organization},
	}
	if refresh != "" {
		fields["refresh_token"] = refresh
		fields["refresh_token_expires_in"] = int64(f.ends.Sub(now) / time.Second)
	}
	return response{status: 200, fields: fields}
}

// lifetime is how long the access token of an exchange lives. A custom one is for
// inference alone, unless the switches say otherwise.
func lifetime(asked string, scopes []string, b Behaviour) (life time.Duration, custom bool, problem string) {
	if asked == "" {
		return b.AccessLife, false, ""
	}
	seconds, err := strconv.ParseInt(asked, 10, 32)
	if err != nil || seconds < 1 {
		return 0, false, "Invalid 'expires_in' in request."
	}
	for _, scope := range scopes {
		if scope != "user:inference" && !slices.Contains(b.LongLifeScopes, scope) {
			return 0, false, "Custom expires_in not allowed for scope " + scope
		}
	}
	life = time.Duration(seconds) * time.Second
	if b.LongLifeCap > 0 {
		life = min(life, b.LongLifeCap)
	}
	return life, true, ""
}

// revoke is RFC 7009: a refresh token takes its whole login with it (§2.1), an
// unknown token is no error (§2.2).
func (s *Server) revoke(fields map[string]string) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fields["token"] == "" {
		return s.switches.oauthError(400, "invalid_request", "The parameter token is missing.")
	}
	if t := s.ledger.tokens[fields["token"]]; t != nil {
		t.revoked = true
		t.family.revoked = t.family.revoked || t.refresh
	}
	return response{status: 200, fields: map[string]any{}}
}

// challengeOf is the S256 transformation of RFC 7636 §4.2.
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
