package claudecode

import (
	"context"
	"strings"

	"keytender/internal/secret"
)

// keyKey is where the client's state file has the API key that a Console sign-in ended in,
// instead of a login: with a grant that is allowed to make keys and nothing else.
const keyKey = "primaryApiKey"

// MadeKey returns the API key that the client made and keeps for itself, or nothing. On
// macOS other programs' authors tell of an item of its own; it was never seen by us.
func (d *Directory) MadeKey(ctx context.Context) secret.String {
	if d.item != nil && strings.HasPrefix(d.item.service, serviceName) {
		own := &item{service: keyService + strings.TrimPrefix(d.item.service, serviceName), account: d.item.account,
			run: d.item.run, now: d.item.now}
		if data, unclean, err := own.read(ctx); err == nil && !unclean {
			return secret.New(strings.TrimSpace(string(data)))
		}
	}
	data, err := readSettings(d.stateFile())
	if err != nil {
		return secret.String{}
	}
	state, err := parseObject(data)
	if err != nil || state.repeats(keyKey) {
		return secret.String{}
	}
	return secret.New(stringOf(state.get(keyKey)))
}

// keyService is the name of that item.
const keyService = "Claude Code"
