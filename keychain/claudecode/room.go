package claudecode

import (
	"context"
	"encoding/json"
	"os"

	"keytender/internal/secret"
	"keytender/keychain"
)

// Room is what was made in a place for a pair that is asked for.
type Room struct{}

// Discard gives it back.
func (r *Room) Discard() {}

// Prove shows that the place takes a pair like this one.
func (d *Directory) Prove(context.Context, keychain.Credential) (*Room, error) { return &Room{}, nil }

// UpdateIn is Update into a room.
func (d *Directory) UpdateIn(ctx context.Context, _ *Room, decide func(Entry) (Change, error)) (Entry, error) {
	return d.Update(ctx, decide)
}

// UnwritableError says why a place takes nothing.
type UnwritableError struct{ Place, Reason, Hint string }

func (e *UnwritableError) Error() string { return e.Reason }

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
