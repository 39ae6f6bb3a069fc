package claudecode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"keytender/internal/secret"
	"keytender/keychain"
)

// Change is what to do with Claude Code's entry. The zero value leaves it as it is;
// of SignIn, SignOut and Restore at most one is set.
type Change struct {
	// SignIn writes this login. What it does not know of the same account stays as it
	// is stored; Credential.Unknown is ours and is not written.
	SignIn *keychain.Credential
	// NewLogin: SignIn comes from a sign-in, a switch or a mirror and takes the place
	// of whatever login is there. False: it renews that login.
	NewLogin bool
	// SignOut takes out the login and what belongs to its account, and nothing else; with
	// KeepBound the login alone.
	SignOut   bool
	KeepBound bool
	// Restore puts back an object that Entry.Inner returned, and RestoreOrganization
	// the organization id that stood beside it, which old clients wrote.
	Restore             secret.String
	RestoreOrganization secret.String
	// Bound is an object that Entry.Bound returned. It is written beside a SignIn with
	// NewLogin or a Restore; what belongs to another account never stays beside either.
	Bound secret.String
}

// isZero reports whether nothing is to be done.
func (ch Change) isZero() bool { return ch.SignIn == nil && !ch.SignOut && ch.Restore.IsZero() }

// KeyChange is one line of a dry run. An empty text means that the key is not there;
// tokens are masked, and of unknown keys no value is shown.
type KeyChange struct {
	Key    string `json:"key"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// merge returns the document after the change, and whether that is another one.
func (e Entry) merge(ch Change) (object, bool, error) {
	before := e.document()
	after := before
	switch {
	case ch.isZero():
		return before, false, nil
	case ch.SignIn != nil:
		login, displaced, err := e.loginAfter(*ch.SignIn, ch.NewLogin)
		if err != nil {
			return nil, false, err
		}
		same := !displaced || sameLogin(*ch.SignIn, e.Login)
		if ch.NewLogin {
			after, err = after.bind(same, ch.Bound)
		} else {
			after, err = after.bind(same, secret.String{})
		}
		if err != nil {
			return nil, false, err
		}
		after = after.with(loginKey, login.encoded())
	case ch.SignOut:
		if e.Inner().IsZero() {
			return before, false, nil
		}
		if !ch.KeepBound {
			after = after.without(boundKeys...)
		}
		after = after.without(loginKey)
	default:
		login, err := parseObject([]byte(ch.Restore.Reveal()))
		if err != nil {
			return nil, false, fmt.Errorf("the login to put back cannot be used: %w", err)
		}
		var restored Entry
		restored.decode(login)
		if after, err = after.bind(sameLogin(restored.Login, e.Login), ch.bound()); err != nil {
			return nil, false, err
		}
		after = after.with(loginKey, login.encoded())
	}
	// An absent entry becomes one even when nothing is in it.
	return after, e.whole.IsZero() || !bytes.Equal(before.encoded(), after.encoded()), nil
}

// bound is what is written beside the login.
func (ch Change) bound() secret.String {
	raw := json.RawMessage(ch.RestoreOrganization.Reveal())
	if !ch.Bound.IsZero() || len(raw) == 0 {
		return ch.Bound
	}
	return secret.New(string(object(nil).with(organizationKey, quoted(stringOf(raw))).encoded()))
}

// bind returns a copy with these keys of the login's account, and with none of another's.
// What stands there stays when it is of the same account and no other is given.
func (o object) bind(same bool, bound secret.String) (object, error) {
	if bound.IsZero() {
		if same {
			return o, nil
		}
		return o.without(boundKeys...), nil
	}
	given, err := parseObject([]byte(bound.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("what belongs to the account cannot be used: %w", err)
	}
	o = o.without(boundKeys...)
	for _, m := range given {
		if slices.Contains(boundKeys, m.key) {
			o = o.with(m.key, m.value)
		}
	}
	return o, nil
}

// loginAfter returns the login object with c in it. displaced: it is another login
// than the one before, of which nothing was kept.
func (e Entry) loginAfter(c keychain.Credential, newLogin bool) (login object, displaced bool, err error) {
	if c.Access.IsZero() {
		return nil, false, errors.New("a login without an access token is not written")
	}
	if tooLong(c.Access) || tooLong(c.Refresh) {
		return nil, false, errors.New("a login with a token of more than 16 KiB is not written")
	}
	login = e.innerObject()
	other := differs(c.Account.ID, e.Login.Account.ID) ||
		differs(c.Account.OrganizationID, e.Login.Account.OrganizationID)
	if newLogin || other {
		if !slices.Contains(c.Scopes, requiredScope) {
			return nil, false, errors.New("this login lacks the scope " + requiredScope +
				", so Claude Code would call itself signed out")
		}
		login = object{}
		if same := c.Account.ID != "" && c.Account.ID == e.Login.Account.ID && !other; same {
			c.Account = c.Account.Or(e.Login.Account)
		}
		displaced = true
	} else if !c.Access.Equal(e.Login.Access) && c.AccessEnds.IsZero() {
		login = login.without(endsKey) // the end of another token would be a lie
	}

	// A guess is worth less than what the server once told, and no renewal moves it.
	if c.LoginEndsEstimated && login.get(loginEndsKey) != nil {
		c.LoginEnds = time.Time{}
	}
	login = setString(login, accessKey, c.Access.Reveal())
	login = setString(login, refreshKey, c.Refresh.Reveal())
	login = setTime(login, endsKey, c.AccessEnds)
	login = setTime(login, loginEndsKey, c.LoginEnds)
	if now, isArray := scopesOf(login.get(scopesKey)); len(c.Scopes) > 0 && (!isArray || !slices.Equal(now, c.Scopes)) {
		login = login.with(scopesKey, quoted(c.Scopes))
	}
	login = setString(login, planKey, c.Account.Plan)
	login = setString(login, tierKey, c.Account.RateLimitTier)
	login = setString(login, accountKey, c.Account.ID)
	login = setString(login, organizationKey, c.Account.OrganizationID)
	return login, displaced, nil
}

// differs reports whether both are known and are not the same.
func differs(a, b string) bool { return a != "" && b != "" && a != b }

// setString and setTime never write an empty value over a known one, and leave a value
// alone that says the same in another spelling.
func setString(o object, key, value string) object {
	if value == "" || stringOf(o.get(key)) == value {
		return o
	}
	return o.with(key, quoted(value))
}

func setTime(o object, key string, t time.Time) object {
	raw := o.get(key)
	stored, known := clientTime(raw)
	if t.IsZero() || (known && raw[0] != '"' && stored.Equal(t.Truncate(time.Millisecond))) {
		return o
	}
	return o.with(key, quoted(t.UnixMilli()))
}

// diff lists what merge changes, the login's keys first.
func (e Entry) diff(ch Change) ([]KeyChange, error) {
	after, changed, err := e.merge(ch)
	if err != nil || !changed {
		return nil, err
	}
	var inner object
	if raw := after.get(loginKey); raw != nil {
		inner = members(raw)
	}
	changes := compare(loginKey+".", e.innerObject(), inner)
	return append(changes, compare("", e.document().without(loginKey), after.without(loginKey))...), nil
}

func compare(prefix string, before, after object) []KeyChange {
	old, now := before.byKey(), after.byKey()
	var changes []KeyChange
	seen := map[string]bool{}
	for _, m := range append(append(object{}, before...), after...) {
		if !seen[m.key] && !bytes.Equal(old[m.key], now[m.key]) {
			changes = append(changes, KeyChange{prefix + m.key, masked(m.key, old[m.key]), masked(m.key, now[m.key])})
		}
		seen[m.key] = true
	}
	return changes
}

// masked is how a value may be shown.
func masked(key string, raw json.RawMessage) string {
	if raw == nil {
		return ""
	}
	switch key {
	case accessKey, refreshKey:
		return secret.New(stringOf(raw)).Masked()
	case endsKey, loginEndsKey:
		if t, known := clientTime(raw); known {
			return t.Format(time.RFC3339)
		}
	case scopesKey, planKey, tierKey:
		return string(raw)
	case accountKey, organizationKey:
		return secret.New(stringOf(raw)).Masked()
	}
	return "…"
}
