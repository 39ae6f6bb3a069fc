package session

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/keychain"
)

// askedAgain is how long a question to which no response came is not asked again.
const askedAgain = time.Minute

// asked remembers, while the program runs, whom the server named for an access token. A
// write to a neighbouring file must not cause a call each time.
type asked struct {
	mu    sync.Mutex
	known map[string]identified
}

type identified struct {
	person  ledger.Person
	at      time.Time
	refused bool // the server does not take the token any more
}

func (a *asked) get(access string, now time.Time) (identified, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.known[access]
	return known, ok && (known.person.Known() || now.Sub(known.at) < askedAgain && !now.Before(known.at))
}

func (a *asked) put(access string, whose identified) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) > 64 {
		a.known = map[string]identified{}
	}
	a.known[access] = whose
}

// forget forgets whom the server named. That there was no response is remembered.
func (a *asked) forget(access string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known[access].person.Known() {
		delete(a.known, access)
	}
}

// asking finds out whose a login is.
type asking struct{ *Engine }

func (e *Engine) asking() asking { return asking{e} }

// askPerson asks the server whose an access token is. Nobody is known where it has ended,
// cannot be asked, or does not say.
func (a asking) askPerson(ctx context.Context, c *keychain.Credential) ledger.Person {
	return a.ask(ctx, c).person
}

// ask is what the server says to an access token.
func (a asking) ask(ctx context.Context, c *keychain.Credential) identified {
	if !a.canBeAsked(c) {
		return identified{}
	}
	access := c.Access.Fingerprint()
	if known, ok := a.asked.get(access, a.wall()); ok {
		return known
	}
	asked := keychain.Credential{Access: c.Access}
	err := a.askWhose(ctx, &asked, 5*time.Second)
	if err != nil {
		a.log.Info("whose login it is could not be asked", "reason", err.Error())
	}
	told := &oauth.Error{}
	whose := identified{person: personOf(asked.Account), at: a.wall(), refused: errors.As(err, &told) &&
		told.Status == http.StatusUnauthorized}
	a.asked.put(access, whose)
	return whose
}

// askWhetherItLives asks anew what was answered once: whose a login is stays, that it lives does
// not. Who looks without our lock decides nothing by it.
func (w *work) askWhetherItLives(ctx context.Context, c *keychain.Credential) identified {
	if w.release != nil {
		w.asked.forget(c.Access.Fingerprint())
	}
	return w.asking().ask(ctx, c)
}

// canBeAsked reports whether the server would still take the access token.
func (a asking) canBeAsked(c *keychain.Credential) bool {
	return !c.Access.IsZero() && (c.AccessEnds.IsZero() || a.validFor(c, 0))
}

// askWhose completes the account of a login by its profile. What the profile leaves out
// stays as it was.
func (a asking) askWhose(ctx context.Context, c *keychain.Credential, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := a.client.Profile(ctx, c.Access)
	if err == nil {
		c.Account = account(p).Or(c.Account)
	}
	return err
}
