package session

import (
	"context"

	"keytender/internal/secret"
	"keytender/keychain"
)

// A sign-in of the official client at the Console may end in an API key that it makes and
// keeps for itself, instead of a login in its entry.

// madeKey is the one that the client keeps now.
func (s claudeSignIn) madeKey(ctx context.Context) secret.String {
	if !s.options.Console || s.entryErr != nil {
		return secret.String{}
	}
	ctx, cancel := storeContext(ctx)
	defer cancel()
	return s.entry.MadeKey(ctx)
}

// takeMadeKey takes over the key that a sign-in ended in. why is why there is no login; it
// stays the error where there is no new key either.
func (s claudeSignIn) takeMadeKey(ctx context.Context, before secret.String, keeps bool, why error) (Status, error) {
	if ctx.Err() != nil {
		return Status{}, why
	}
	key := s.madeKey(ctx)
	if key.IsZero() || key.Equal(before) {
		return Status{}, why
	}
	if !apiKeyShape().MatchString(key.Reveal()) {
		return Status{}, failedAs(codeUnusable, FaultClaudeMadeOther, nil)
	}
	id, _ := s.entry.Identity()
	who := keychain.Account{Email: emailLike(id.Email), ID: id.AccountID, OrganizationID: id.OrganizationID}
	if err := s.options.expected(who); err != nil {
		err.Values.ClaudeSignedIn = true
		return Status{}, err
	}
	if !keeps {
		s.tell(Event{Kind: EventSignedIn, Value: who.Email})
		s.tell(Event{Kind: EventClaudeCode, Note: NoteKeyNotKept, Value: key.Masked()})
		return s.Status(context.WithoutCancel(ctx)), nil
	}
	// The key is there: from here on nothing is cut short.
	notice, err := s.keepAPIKey(Patient(context.WithoutCancel(ctx)), s.options.Account, key)
	if err != nil {
		return Status{}, err
	}
	s.tell(Event{Kind: EventSignedIn, Value: who.Email})
	s.tell(Event{Kind: EventNote, Note: NoteKeyMade, Value: key.Masked()})
	if notice.Former != "" {
		s.tell(Event{Kind: EventNote, Note: NoteFormerKey, Value: notice.Former, Warn: true})
	}
	s.tell(Event{Kind: EventSaved, Said: Said{RemarkStored, &Values{Place: notice.Stored}}})
	return s.Status(context.WithoutCancel(ctx)), nil
}
