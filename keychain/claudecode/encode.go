package claudecode

import (
	"keytender/internal/secret"
	"keytender/keychain"
)

// EncodeLogin returns a login of ours as the object that an entry would hold, for
// Change.Restore.
func EncodeLogin(c keychain.Credential) (secret.String, error) {
	login, _, err := Entry{}.loginAfter(c, true)
	if err != nil {
		return secret.String{}, err
	}
	return secret.New(string(login.encoded())), nil
}
