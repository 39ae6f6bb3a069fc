package ledger

import (
	"errors"
	"slices"
	"time"

	"keytender/internal/rawjson"
)

// errDamaged says that a text is no ledger.
var errDamaged = errors.New("it is no ledger")

// ErrLater says that a later version wrote it, which may know places that this program would
// leave behind.
var ErrLater = errors.New("a later version wrote it")

// Decode reads what Encode wrote. Each command does: see rawjson. A field that is added to a
// type needs its line below, which a test asks for.
func Decode(text []byte) (*Ledger, error) {
	l := &Ledger{}
	v, ok := rawjson.Parse(text)
	ok = ok && v.Into(l)
	switch {
	case l.Version > version: // it stands first; what follows may be in another form
		return nil, ErrLater
	case !ok || l.Version < version:
		return nil, errDamaged
	}
	if !slices.Contains([]string{"", "keychain", "file"}, l.Store) {
		return nil, errDamaged
	}
	return l, nil
}

// Field of each type says where a member goes: see rawjson.Object.

func (l *Ledger) Field(key string) any {
	switch key {
	case "version":
		return &l.Version
	case "store":
		return &l.Store
	case "active":
		return &l.Active
	case "mirror":
		return rawjson.Present(func() any { l.Mirror = new(bool); return l.Mirror })
	case "watchOnly":
		return &l.WatchOnly
	case "termsShown":
		return &l.TermsTold
	case "apiKeys":
		return &l.APIKeys
	case "stayed":
		return &l.Stayed
	case "coming":
		return &l.Coming
	case "accounts":
		l.Accounts = nil // a repeated key's last value counts
		return rawjson.Objects(func() any { return added(&l.Accounts, new(Account)) })
	case "chains":
		l.Chains = nil
		return rawjson.Objects(func() any { return added(&l.Chains, new(Chain)) })
	case "places":
		l.Places = nil
		return rawjson.Objects(func() any { return added(&l.Places, new(Place)) })
	case "displaced":
		l.Displaced = nil
		return rawjson.Objects(func() any { return added(&l.Displaced, new(Displaced)) })
	case "numbers":
		return &l.Numbers
	}
	return nil
}

func added[T any](list *[]T, one T) T {
	*list = append(*list, one)
	return one
}

func (a *Account) Field(key string) any {
	switch key {
	case "name":
		return &a.Name
	case "person":
		return &a.Person
	case "chain":
		return &a.Chain
	case "longLived":
		return &a.LongLived
	case "lacking":
		return &a.Lacking
	case "organizationName":
		return &a.Organization
	case "plan":
		return &a.Plan
	case "accessEnds":
		return &a.AccessEnds
	case "loginEnds":
		return &a.LoginEnds
	case "loginEstimated":
		return &a.LoginEstimated
	case "renewable":
		return &a.Renewable
	}
	return nil
}

func (p *Person) Field(key string) any {
	switch key {
	case "account":
		return &p.ID
	case "organization":
		return &p.Organization
	case "email":
		return &p.Email
	}
	return nil
}

func (c *Chain) Field(key string) any {
	switch key {
	case "id":
		return &c.ID
	case "account":
		return &c.Account
	case "was":
		return &c.Was
	case "person":
		return &c.Person
	case "apart":
		return &c.Apart
	case "seen":
		return &c.Seen
	case "shared":
		return &c.Shared
	case "bare":
		return &c.Bare
	case "unsure":
		return &c.Unsure
	case "doubted":
		return &c.Doubted
	case "generations":
		c.Generations = nil
		return rawjson.Each(func() any {
			c.Generations = append(c.Generations, Generation{})
			return &c.Generations[len(c.Generations)-1]
		})
	case "intent":
		return rawjson.Present(func() any { c.Intent = new(Intent); return c.Intent })
	case "notBefore":
		return &c.NotBefore
	case "why":
		return &c.Why
	case "failures":
		return &c.Failures
	case "hasty":
		c.Hasty = nil
		return rawjson.Each(func() any {
			c.Hasty = append(c.Hasty, time.Time{})
			return &c.Hasty[len(c.Hasty)-1]
		})
	case "short":
		return &c.Short
	case "inVain":
		return &c.InVain
	case "problem":
		return rawjson.Present(func() any { c.Problem = new(Problem); return c.Problem })
	case "last":
		return rawjson.Present(func() any { c.Last = new(Change); return c.Last })
	}
	return nil
}

func (p *Pair) Field(key string) any {
	switch key {
	case "access":
		return &p.Access
	case "refresh":
		return &p.Refresh
	}
	return nil
}

func (g *Generation) Field(key string) any {
	if key == "revoked" {
		return &g.Revoked
	}
	return g.Pair.Field(key)
}

func (i *Intent) Field(key string) any {
	switch key {
	case "refresh":
		return &i.Refresh
	case "at":
		return &i.At
	case "sends":
		return &i.Sends
	}
	return nil
}

func (p *Problem) Field(key string) any {
	switch key {
	case "code":
		return (*string)(&p.Code)
	case "fault":
		return &p.Fault
	case "values":
		return &p.Values
	case "message":
		return &p.Message
	case "hint":
		return &p.Hint
	}
	return nil
}

func (c *Change) Field(key string) any {
	switch key {
	case "at":
		return &c.At
	case "what":
		return (*string)(&c.What)
	case "who":
		return &c.Who
	}
	return nil
}

func (p *Place) Field(key string) any {
	switch key {
	case "id":
		return &p.ID
	case "kind":
		return (*string)(&p.Kind)
	case "where":
		return &p.Where
	case "account":
		return &p.Account
	case "chain":
		return &p.Chain
	case "pair":
		return &p.Pair
	case "next":
		return &p.Next
	case "past":
		return &p.Past
	case "signedOut":
		return &p.SignedOut
	case "let":
		return &p.Let
	case "behind":
		return &p.Behind
	case "reason":
		return &p.Reason
	case "because":
		return &p.Because
	case "leaving":
		return &p.Leaving
	case "ends":
		return &p.Ends
	case "gone":
		return &p.Gone
	case "far":
		return &p.Far
	case "retry":
		return &p.Retry
	case "forgotten":
		return &p.Forgotten
	}
	return nil
}

func (d *Displaced) Field(key string) any {
	switch key {
	case "id":
		return &d.ID
	case "place":
		return &d.Place
	case "chain":
		return &d.Chain
	case "pair":
		return &d.Pair
	case "account":
		return &d.Account
	case "person":
		return &d.Person
	case "at":
		return &d.At
	case "nothing":
		return &d.Nothing
	case "own":
		return &d.Own
	}
	return nil
}
