package session

import (
	"context"
	"errors"
	"strings"
	"time"

	"keytender/internal/secret"
	"keytender/keychain"
)

// UseToken does with a new token what it was made for. It lives until then.
type UseToken func(ctx context.Context, token secret.String, until time.Time) error

// NewToken signs in for a token of a validity of its own (o.LongLived) and hands it to use.
// No account becomes active, and nothing is mirrored. The token is kept, as the account that
// is returned, only where use fails: else it would live on for a year with nobody to know it.
func (e *Engine) NewToken(ctx context.Context, o SignInOptions, tell func(Event), use UseToken) (kept string,
	err error) {
	if err := e.MayWrite(); err != nil {
		return "", err
	}
	l, err := e.ledger()
	if err != nil {
		return "", err
	}
	o.NoMirror, o.Account, o.Replace = true, "", false
	s := signIn{e, o, tell}
	err = s.obtain(ctx, l.TermsTold, func(c keychain.Credential) (Keep, error) {
		if !strings.HasPrefix(c.Access.Reveal(), "sk-ant-oat") {
			return "", failedAs(codeWrongKind, FaultNewTokenKind, nil)
		}
		failure := use(ctx, c.Access, c.AccessEnds)
		if failure == nil {
			tell(Event{Kind: EventSignedIn, Value: c.Account.Email, Detail: c.Account.Plan})
			return "", nil
		}
		if ctx.Err() != nil {
			return "", failure // who cancels wants nothing of it
		}
		keep, err := s.keepSignIn(ctx, c)
		if err == nil {
			kept, err = s.accountOf(c)
		}
		return keep, errors.Join(failure, err)
	})
	return kept, err
}

// accountOf is the account that a pair belongs to.
func (s signIn) accountOf(c keychain.Credential) (string, error) {
	l, err := s.ledger()
	if err != nil {
		return "", err
	}
	finding, _ := l.Identify(pairOf(&c))
	return finding.Account(), nil
}
