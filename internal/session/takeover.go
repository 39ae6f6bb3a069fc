package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/internal/secret"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// ImportClaudeCode takes over the login that Claude Code's entry holds. It makes no
// connection and does not write the entry.
func (e *Engine) ImportClaudeCode(ctx context.Context, account string) (Status, string, error) {
	entry, err := e.readEntry(ctx)
	if err != nil {
		return Status{}, "", entryError(err)
	}
	if entry.State != claudecode.SignedIn {
		return Status{}, "", failed("nothing-to-import", "Claude Code's entry ("+e.entry.Place()+") holds no login",
			"sign in there with `claude auth login --claudeai`, or here with `keytender login`", nil)
	}
	return e.takeOver(ctx, account, entry.Login, e.entry.Place())
}

// ImportJSON takes over a login in the shape of Claude Code's entry.
func (e *Engine) ImportJSON(ctx context.Context, account string, text secret.String) (Status, string, error) {
	entry, err := claudecode.DecodeEntry([]byte(text.Reveal()))
	if err != nil {
		return Status{}, "", failed("unusable", "this is not Claude Code's credential JSON: "+err.Error(),
			`it reads {"claudeAiOauth":{"accessToken":…,"refreshToken":…,"expiresAt":…,"scopes":[…]}}; nothing was changed`, err)
	}
	if entry.State != claudecode.SignedIn {
		return Status{}, "", failed("unusable", "there is no login in this JSON", "it needs claudeAiOauth with a non-empty accessToken; nothing was changed", nil)
	}
	return e.takeOver(ctx, account, entry.Login, "the input")
}

// ImportOpenCode takes over the login in OpenCode's auth.json.
func (e *Engine) ImportOpenCode(ctx context.Context, account, path string) (Status, string, error) {
	data, err := atomicfile.Read(path, maxStateFile)
	if err != nil {
		return Status{}, "", failed("nothing-to-import", "OpenCode's logins cannot be read: "+plain(err), "sign in there first; it keeps them in "+path, err)
	}
	var logins struct {
		Anthropic *struct {
			Type    string `json:"type"`
			Access  string `json:"access"`
			Refresh string `json:"refresh"`
			Expires int64  `json:"expires"`
		} `json:"anthropic"`
	}
	if err := json.Unmarshal(data, &logins); err != nil {
		return Status{}, "", failed("unusable", path+" is not in the shape that OpenCode writes", "nothing was changed", keychain.ErrDamaged)
	}
	l := logins.Anthropic
	if l == nil || l.Type != "oauth" || l.Access == "" {
		return Status{}, "", failed("nothing-to-import", path+" holds no Claude login", "sign in there with OpenCode's Claude Pro/Max entry, or here with `keytender login`", nil)
	}
	c := keychain.Credential{Access: secret.New(l.Access), Refresh: secret.New(l.Refresh), AccessEnds: keychain.Millis(l.Expires),
		Scopes: []string{"org:create_api_key", "user:profile", "user:inference"}}
	return e.takeOver(ctx, account, c, path)
}

func (e *Engine) takeOver(ctx context.Context, account string, c keychain.Credential, from string) (Status, string, error) {
	for _, token := range []secret.String{c.Access, c.Refresh} {
		if strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Status{}, "", failed("unusable", "a token in "+from+" holds a blank or a character that no token has", "nothing was changed", nil)
		}
	}
	if c.Refresh.IsZero() && !e.validFor(c, 0) {
		return Status{}, "", failed("unusable", "the login in "+from+" has ended or does not say until when it lives, and holds no refresh token",
			"sign in with `keytender login`; nothing was changed", nil)
	}
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return Status{}, "", err
	}
	defer release()
	if account == "" {
		account = "default"
	}
	c.Issued, c.Method, c.Unknown, c.Lifetime = e.wall(), "import", nil, 0
	s, err := e.settings()
	if err != nil {
		return Status{}, "", err
	}
	if err := s.checkName(account); err != nil {
		return Status{}, "", err
	}
	if _, err := e.load(ctx, s, account); err != nil && errors.Is(err, keychain.ErrDamaged) {
		return Status{}, "", storeError(e.store(s).Kind(), err)
	}
	if _, err := e.takeIn(Patient(ctx), account, c, "imported"); err != nil {
		return Status{}, "", err
	}
	warning := ""
	if !c.Refresh.IsZero() {
		warning = fmt.Sprintf("the token chain is now shared with the program that %s belongs to: whoever renews first ends the other's refresh token", from)
	}
	return e.Status(ctx), warning, nil
}
