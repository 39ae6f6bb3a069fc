package session

import (
	"context"
	"net/http"

	"keytender/internal/oauth"
)

// Probe makes the one test call with the access token, renewed first if it has
// ended. A token that the server does not accept although it should is renewed by
// force, once. ok is false for an answer that is a warning; the sentence explains it.
func (e *Engine) Probe(ctx context.Context) (sentence string, ok bool, err error) {
	token, err := e.Token(ctx, 0)
	if err != nil {
		return "", false, err
	}
	result, err := e.client.Probe(ctx, token)
	// A 403 that names Claude Code is about the use, and no other token would help.
	if err == nil && (result.Outcome == oauth.ProbeUnauthorized || result.Status == http.StatusForbidden && !result.ClaudeCodeOnly) {
		if _, err := e.Renew(ctx, true); err != nil {
			if result.Outcome == oauth.ProbeRestricted {
				err = nil // the first answer explains itself
			}
			return result.Sentence, false, err
		}
		if token, err = e.Token(ctx, 0); err != nil {
			return "", false, err
		}
		result, err = e.client.Probe(ctx, token)
	}
	if err != nil {
		return "", false, later("the test call got no answer: "+err.Error(), "look at the network and try again; the login is as good as before", err)
	}
	return result.Sentence, result.Outcome == oauth.ProbeOK, nil
}
