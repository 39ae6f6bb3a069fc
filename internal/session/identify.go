package session

import (
	"context"
	"sync"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
)

// askedAgain is how long a question that got no answer is not asked again.
const askedAgain = time.Minute

// asked remembers, while the program runs, whom the server named for an access token. A
// write to a neighbouring file must not cause a call each time.
type asked struct {
	mu      sync.Mutex
	answers map[string]answerOf
}

type answerOf struct {
	person ledger.Person
	at     time.Time
}

func (a *asked) get(access string, now time.Time) (ledger.Person, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.answers[access]
	return known.person, ok && (known.person.Known() || now.Sub(known.at) < askedAgain && !now.Before(known.at))
}

func (a *asked) put(access string, p ledger.Person, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers == nil || len(a.answers) > 64 {
		a.answers = map[string]answerOf{}
	}
	a.answers[access] = answerOf{p, now}
}

// askPerson asks the server whose an access token is. Nobody is known where it has ended,
// cannot be asked, or does not say.
func (e *Engine) askPerson(ctx context.Context, c keychain.Credential) ledger.Person {
	if !e.canBeAsked(c) {
		return ledger.Person{}
	}
	access := c.Access.Fingerprint()
	if p, ok := e.asked.get(access, e.wall()); ok {
		return p
	}
	c.Account = keychain.Account{}
	if err := e.askWhose(ctx, &c, 5*time.Second); err != nil {
		e.log.Info("whose login it is could not be asked", "reason", err.Error())
	}
	p := personOf(c.Account)
	e.asked.put(access, p, e.wall())
	return p
}

// canBeAsked reports whether the server would still take the access token.
func (e *Engine) canBeAsked(c keychain.Credential) bool {
	return !c.Access.IsZero() && (c.AccessEnds.IsZero() || e.validFor(c, 0))
}

// askWhose completes the account of a login by its profile. What the profile leaves out
// stays as it was.
func (e *Engine) askWhose(ctx context.Context, c *keychain.Credential, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := e.client.Profile(ctx, c.Access)
	if err == nil {
		c.Account = account(p).Or(c.Account)
	}
	return err
}
