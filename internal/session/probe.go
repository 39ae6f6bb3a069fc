package session

import (
	"context"

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
	if err == nil && result.Outcome == oauth.ProbeUnauthorized {
		if _, err := e.Renew(ctx, true); err != nil {
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
