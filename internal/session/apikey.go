package session

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/internal/pattern"
	"keytender/internal/scope"
	"keytender/internal/secret"
	"keytender/keychain"
)

// apiKeyPart names the record of an account's Console API key.
const apiKeyPart = "api-key"

// apiKeyRecord is the stored form of an API key.
type apiKeyRecord struct {
	secret.Hidden
	Type    string    `json:"type"` // api-key
	Key     string    `json:"key"`
	Created time.Time `json:"created"`
}

// APIKeyNotice says what became of an API key.
type APIKeyNotice struct {
	Masked string // kind and last four characters
	Stored string // where
	Former string // the key that it replaced, masked; it still works at the Console
}

// apiKeyScopes is the least that a Console sign-in needs to make a key and to say
// whose it is.
var apiKeyScopes = []string{scope.APIKey, scope.Profile}

// CreateAPIKey signs in at the Console, has a key made, and stores it. The sign-in
// itself is not kept: its tokens are forgotten with this call.
func (e *Engine) CreateAPIKey(ctx context.Context, o SignInOptions, tell func(Event)) (APIKeyNotice, error) {
	o.Console, o.LongLived = true, 0
	if o.Scopes == nil {
		o.Scopes = apiKeyScopes
	}
	if err := e.MayWrite(); err != nil {
		return APIKeyNotice{}, err
	}
	l, err := e.ledger()
	if err != nil {
		return APIKeyNotice{}, err
	}
	// A store that is in trouble shows before a key is made that nobody could keep.
	s := signIn{e, o, tell}
	if err := s.tryStore(ctx, l); err != nil {
		return APIKeyNotice{}, err
	}
	if _, err := e.APIKey(ctx, o.Account); err != nil && !notThere(err) {
		return APIKeyNotice{}, err
	}
	var notice APIKeyNotice
	err = s.obtain(ctx, l.TermsTold, func(login keychain.Credential) (Keep, error) {
		tell(Event{Kind: EventSignedIn, Value: login.Account.Email, Detail: login.Account.Plan})
		key, err := e.client.CreateAPIKey(ctx, login.Access)
		if err != nil {
			return "", apiKeyError(ctx, err, login.HasScope(scope.APIKey))
		}
		// The key is there: from here on nothing is cut short.
		notice, err = e.keepAPIKey(Patient(context.WithoutCancel(ctx)), o.Account, key)
		if known := errorIn(err); known != nil {
			known.Values.LostKey = key.Masked()
		}
		return "", err
	})
	if err != nil {
		return APIKeyNotice{}, err
	}
	return notice, nil
}

func apiKeyError(ctx context.Context, err error, mayMake bool) error {
	failure := &oauth.Error{}
	if ctx.Err() != nil || !errors.As(err, &failure) {
		return laterAs(FaultKeyNotAsked, err)
	}
	said := Values{Reason: failure.Error()}
	switch {
	case failure.Sent && !failure.Answered:
		return laterAs(FaultKeyUnanswered, err)
	case failure.Kind == oauth.Throttled, failure.Kind == oauth.Unavailable:
		return laterBy(FaultNoKeyYet, said, err)
	case (failure.Status == 403 || failure.Status == 401) && !mayMake:
		return failedAs(codeScope, FaultKeyScope, err)
	case failure.Status == 403 || failure.Status == 401:
		return failedBy(codeNotAllowed, FaultKeyNotAllowed, said, err)
	}
	return failedBy(codeNoKey, FaultNoKey, said, err)
}

var (
	apiKeyShape = pattern.New(`^sk-ant-api[0-9]{2,4}-[A-Za-z0-9_-]{4,400}$`)
	pasteMarks  = strings.NewReplacer("\x1b[200~", "", "\x1b[201~", "")
)

// SetAPIKey stores a key that the person has.
func (e *Engine) SetAPIKey(ctx context.Context, account string, text secret.String) (APIKeyNotice, error) {
	key := strings.TrimSpace(pasteMarks.Replace(text.Reveal()))
	unusable := func(why Fault) (APIKeyNotice, error) {
		return APIKeyNotice{},
			failedBy(codeUnusable, why, Values{}, nil)
	}
	switch {
	case key == "":
		return unusable(FaultKeyMissing)
	case strings.ContainsAny(key, "\r\n"):
		return unusable(FaultKeyLines)
	case strings.HasPrefix(key, "sk-ant-oat"), strings.HasPrefix(key, "sk-ant-ort"):
		return unusable(FaultKeyIsToken)
	case strings.HasPrefix(key, "sk-ant-admin"):
		return unusable(FaultKeyIsAdmin)
	case !apiKeyShape().MatchString(key):
		return unusable(FaultKeyUnknown)
	}
	return e.keepAPIKey(ctx, account, secret.New(key))
}

// keepAPIKey stores a key and reads it back.
func (e *Engine) keepAPIKey(ctx context.Context, account string, key secret.String) (APIKeyNotice, error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return APIKeyNotice{}, err
	}
	defer w.end()
	account = w.l.Choose(account)
	if err := checkAccount(account); err != nil {
		return APIKeyNotice{}, err
	}
	v := w.vault(w.l)
	former, err := v.apiKey(ctx, account)
	if err != nil && !notThere(err) && !(v.open && errors.Is(err, keychain.ErrUnavailable)) {
		return APIKeyNotice{}, err
	}
	record, err := json.Marshal(apiKeyRecord{Type: apiKeyPart, Key: key.Reveal(),
		Created: e.wall().Truncate(time.Second)})
	if err != nil {
		return APIKeyNotice{}, err
	}
	kind, err := w.saveAside(ctx, keychain.RecordName(account, apiKeyPart), secret.New(string(record)))
	if err != nil {
		return APIKeyNotice{}, err
	}
	w.l.Store = kind
	if !slices.Contains(w.l.APIKeys, account) {
		w.l.APIKeys = append(w.l.APIKeys, account)
	}
	if err := w.save(); err != nil {
		return APIKeyNotice{}, err
	}
	e.remember(Record{Account: account, What: ledger.ChangeAPIKey, Detail: "stored"})
	notice := APIKeyNotice{Masked: key.Masked(), Stored: e.storeName(kind)}
	if !former.IsZero() && !former.Equal(key) {
		notice.Former = former.Masked()
	}
	return notice, nil
}

// saveAside saves a record that is no login, choosing the store as a sign-in does
// when none is chosen yet.
func (w *work) saveAside(ctx context.Context, name string, record secret.String) (kind string, err error) {
	v := w.vault(w.l)
	err = v.keep(ctx, name, record)
	if v.open && w.config.Store == "auto" && errors.Is(err, keychain.ErrUnavailable) {
		v = w.vaultIn("file")
		err = v.keep(ctx, name, record)
	}
	if err != nil {
		return "", storeError(v.store.Kind(), err)
	}
	return v.store.Kind(), nil
}

// APIKey returns the account's API key. Without one the error is ErrNotFound.
func (e *Engine) APIKey(ctx context.Context, account string) (secret.String, error) {
	l, err := e.ledger()
	if err != nil {
		return secret.String{}, err
	}
	if e.watches(l) && len(l.APIKeys) == 0 {
		return secret.String{}, e.watchOnly()
	}
	account = l.Choose(account)
	if err := checkAccount(account); err != nil {
		return secret.String{}, err
	}
	v := e.vault(l)
	key, err := v.apiKey(ctx, account)
	if v.open && errors.Is(err, keychain.ErrUnavailable) {
		err = noAPIKey() // nothing was ever stored, and there is no keychain
	}
	return key, err
}

func (v *vault) apiKey(ctx context.Context, account string) (secret.String, error) {
	encoded, err := v.record(ctx, keychain.RecordName(account, apiKeyPart))
	if errors.Is(err, keychain.ErrNotFound) {
		return secret.String{}, noAPIKey()
	}
	if err != nil {
		failure := storeError(v.store.Kind(), err)
		if errors.Is(err, errLacking) {
			failure.Fault, failure.Values.Account = FaultKeyLacks, account
		}
		return secret.String{}, failure
	}
	var record apiKeyRecord
	if json.Unmarshal([]byte(encoded.Reveal()), &record) != nil || record.Type != apiKeyPart || record.Key == "" {
		return secret.String{}, failedAs(CodeDamaged, FaultKeyDamaged, keychain.ErrDamaged)
	}
	return secret.New(record.Key), nil
}

func noAPIKey() *Error {
	return failedAs(codeNoAPIKey, FaultNoAPIKey, keychain.ErrNotFound)
}

// RemoveAPIKey removes the account's API key from the store. The key itself stays
// valid until it is deleted at the Console.
func (e *Engine) RemoveAPIKey(ctx context.Context, account string) error {
	w, err := e.beginAnyway(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	account = w.l.Choose(account)
	if err := checkAccount(account); err != nil {
		return err
	}
	v := w.vault(w.l)
	if _, err := v.apiKey(ctx, account); errors.Is(err, keychain.ErrNotFound) {
		return nil
	} else if err != nil && !errors.Is(err, keychain.ErrDamaged) {
		return err
	}
	if err := v.drop(ctx, keychain.RecordName(account, apiKeyPart)); err != nil {
		return storeError(v.store.Kind(), err)
	}
	e.remember(Record{Account: account, What: ledger.ChangeAPIKey, Detail: "removed"})
	w.l.APIKeys = slices.DeleteFunc(w.l.APIKeys, func(name string) bool { return name == account })
	return w.save()
}
