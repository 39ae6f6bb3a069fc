//go:build !linux || childonly

package keychain

import (
	"context"
	"time"

	"keytender/internal/secret"
)

func (k *OSKeychain) loadDirect(context.Context, string) (secret.String, bool) {
	return secret.String{}, false
}

// Reach finds nothing wrong: nothing here tells without asking a person.
func (k *OSKeychain) Reach(ctx context.Context) error { return ctx.Err() }

// refusalPause is how long a refused read is not repeated in the background.
const refusalPause = 15 * time.Minute

func (k *OSKeychain) wouldAsk(context.Context, string) bool { return false }

// wouldAskAgain goes by the time since a read was refused: nothing here tells without
// asking whether the keychain is still locked.
func (k *OSKeychain) wouldAskAgain(_ context.Context, _ string, refusedAt time.Time) bool {
	return time.Now().Round(0).Sub(refusedAt) < refusalPause
}
