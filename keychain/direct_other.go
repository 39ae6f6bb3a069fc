//go:build !linux || childonly

package keychain

import (
	"context"

	"keytender/internal/secret"
)

func (k *OSKeychain) loadDirect(context.Context, string) (secret.String, bool) {
	return secret.String{}, false
}
