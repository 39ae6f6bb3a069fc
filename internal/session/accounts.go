package session

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/keychain"
)

// On returns the engine for work on this account; empty: the active one.
func (e *Engine) On(account string) *Engine {
	if account == "" {
		return e
	}
	on := *e
	on.account = account
	return &on
}

// AccountNames lists the accounts; active is the one that is used.
func (e *Engine) AccountNames() (names []string, active string, err error) {
	l, err := e.ledger()
	if err != nil {
		return nil, "", err
	}
	names = l.Names()
	if l.Coming != "" && !slices.Contains(names, l.Coming) {
		names = append(names, l.Coming) // the next to take the lock finds out what became of it
	}
	return names, l.Choose(e.account), nil
}

// KnowsAccount returns an error where there is no account of this name, nor an API key.
func (e *Engine) KnowsAccount(name string) error {
	l, err := e.ledger()
	if err != nil {
		return err
	}
	if l.Account(name) == nil && !slices.Contains(l.APIKeys, name) {
		return noAccount(name)
	}
	return nil
}

// AccountStatus is what may be shown of one account. An unknown time is nil.
type AccountStatus struct {
	Name         string     `json:"name"`
	Email        string     `json:"email"`
	Organization string     `json:"organization"`
	Plan         string     `json:"plan"`
	State        State      `json:"state"`
	Login        LoginClock `json:"login"`
	Active       bool       `json:"active"`
	// LongLived is a token for machines, which nothing renews.
	LongLived bool `json:"longLived,omitempty"`
	// Named: the person chose the name.
	Named bool `json:"named,omitempty"`
	// Places are where it is used.
	Places []string `json:"places"`
}

// accountStatuses tells of every account by the ledger alone: no keychain is asked.
func (w reporting) accountStatuses() []AccountStatus {
	list := make([]AccountStatus, 0, len(w.l.Accounts))
	for _, a := range w.l.Accounts {
		s := AccountStatus{Name: a.Name, Email: a.Person.Email, Organization: a.Organization, Plan: a.Plan,
			State:  w.accountState(a),
			Login:  LoginClock{ExpiresAt: known(a.LoginEnds), Estimated: a.LoginEstimated},
			Active: a.Name == w.l.Active, LongLived: a.LongLived, Named: a.Chosen(), Places: []string{}}
		for _, p := range w.l.Places {
			if c := w.l.Chain(p.Chain); c != nil && c.Account == a.Name {
				s.Places = append(s.Places, w.placeName(p))
			}
		}
		list = append(list, s)
	}
	return list
}

func (w reporting) accountState(a *ledger.Account) State {
	c := w.l.Chain(a.Chain)
	over := !a.LoginEnds.IsZero() && !a.LoginEstimated && !w.wall().Before(a.LoginEnds)
	ended := !a.Renewable && !a.AccessEnds.IsZero() && !w.wall().Before(a.AccessEnds)
	if c != nil && c.Dead(c.Current()) || over || ended {
		return SignInAgain
	}
	return SignedIn
}

// RenameAccount gives an account another name; its login stays where it is used.
func (e *Engine) RenameAccount(ctx context.Context, from, to string) error {
	w, err := e.beginAnyway(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	switch {
	case w.l.Account(from) == nil:
		return noAccount(from)
	case from == to:
		return nil
	case w.l.Account(to) != nil, slices.Contains(w.l.APIKeys, to): // whose API key would be written over
		return failedBy(codeAccountTaken, FaultAccountTaken, Values{Account: to}, nil)
	}
	if err := checkAccount(to); err != nil {
		return err
	}
	if twin := w.l.Twin(to); twin != "" && twin != from {
		return unusableName(FaultNameTwin, Values{Account: to, Owner: twin}, nil)
	}
	ctx = Patient(ctx)
	v := w.vault(w.l)
	v.unspill(ctx, from)
	if v.spilled(from) {
		return laterBy(FaultTokensOutside, Values{Account: from}, nil)
	}
	if strings.EqualFold(from, to) && v.store.Kind() == "keychain" {
		return unusableName(FaultNameCase, Values{Account: to, Owner: from}, nil)
	}
	return w.moveRecords(ctx, v, from, to)
}

// moveRecords copies an account's records to the new name, says so in the ledger, and takes
// the old ones away last: a crash leaves a copy too many and never one too few.
func (w *work) moveRecords(ctx context.Context, v *vault, from, to string) error {
	w.l.Coming = to
	if err := w.save(); err != nil {
		return err
	}
	var moved []string
	for i, name := range accountRecords(from) {
		record, err := v.record(ctx, name)
		if isNotFound(err) {
			continue
		}
		if err == nil {
			err = v.keep(ctx, accountRecords(to)[i], record)
		}
		if err != nil {
			return w.loadError(v, from, err)
		}
		moved = append(moved, name)
	}
	w.l.Rename(from, to)
	w.l.Coming = ""
	if err := w.save(); err != nil {
		return err
	}
	w.remember(Record{Account: to, What: ledger.ChangeRenamed, Said: Said{RemarkWasCalled, &Values{Account: from}}})
	for _, path := range v.strays(from) {
		name := strings.Replace(filepath.Base(path), "-"+from+".json", "-"+to+".json", 1)
		if err := atomicfile.Rename(path, filepath.Join(v.dir, name)); err != nil {
			w.log.Warn("a copy of the login outside the store keeps its old name", "reason", plain(err))
		}
	}
	for _, name := range moved {
		if err := v.drop(ctx, name); err != nil {
			return failedBy(codeNotRemoved, FaultOldRecordStays,
				Values{Account: to, Reason: err.Error(), Place: w.storeName(v.store.Kind())}, err)
		}
	}
	return nil
}

// accountRecords are the names of an account's records in our store.
func accountRecords(account string) []string {
	return []string{account, boundName(account), keychain.RecordName(account, apiKeyPart)}
}

// signsInTo decides which account a login goes to. note says so where that is not the one
// that was asked for.
func (w takingIn) signsInTo(ctx context.Context, asked string, c keychain.Credential, longLived,
	replace bool) (name string, note Said, err error) {
	p := personOf(c.Account)
	w.findAgain(ctx, cmp.Or(asked, w.l.NewName(p, longLived)))
	own := w.l.Of(p, longLived)
	if finding, known := w.l.Identify(pairOf(&c)); known && finding.Account() != "" {
		own = w.l.Account(finding.Account())
		p = p.Or(finding.Chain.Person)
	}
	if asked == "" {
		if own == nil && longLived && !p.Known() {
			own = w.nobodysToken()
		}
		if own != nil {
			return own.Name, Said{}, nil
		}
		return w.l.NewName(p, longLived), Said{}, nil
	}
	if err := checkName(w.l, asked); err != nil {
		return "", Said{}, err
	}
	there := w.l.Account(asked)
	switch {
	case own != nil && own.Name != asked:
		known := Values{Person: nameOfPerson(p), Owner: own.Name, Account: asked}
		switch {
		case there == nil:
			return own.Name, Said{RemarkKnownAs, &known}, nil
		case replace: // two accounts of one person would spend each other's tokens
			return own.Name, Said{RemarkKnownAsAndLeft, &known}, nil
		case there.LongLived != longLived && there.Person.Like(p) == ledger.Same:
			return "", Said{}, otherKind(there)
		}
		return "", Said{}, otherPerson(there, p)
	case there == nil || there == own && there.LongLived == longLived, replace:
		return asked, Said{}, nil
	case there.LongLived != longLived:
		return "", Said{}, otherKind(there)
	}
	if longLived && !there.Person.Known() && !p.Known() {
		return asked, Said{}, nil // such a token tells nobody; the former one is kept
	}
	if !there.Person.Known() {
		w.learnPerson(ctx, there)
	}
	if !p.Known() {
		p = w.asking().askPerson(ctx, &c)
	}
	if there.Person.Like(p) == ledger.Same || !w.hasLogin(ctx, asked) {
		return asked, Said{}, nil
	}
	return "", Said{}, otherPerson(there, p)
}

// findAgain takes up a record that lies under a name which no account has: the state folder was lost,
// and a keychain cannot be listed. It would be written over unread.
func (w takingIn) findAgain(ctx context.Context, name string) {
	if w.l.Account(name) == nil && keychain.CheckAccountName(name) == nil {
		_, _ = w.renewal(ctx, name)
	}
}

// nobodysToken is the account of a long-lived token that does not tell whose it is: the next
// one takes its place.
func (w takingIn) nobodysToken() *ledger.Account {
	for _, a := range w.l.Accounts {
		if a.LongLived && !a.Person.Known() {
			return a
		}
	}
	return nil
}

func otherKind(a *ledger.Account) *Error {
	fault := FaultAccountIsDaily
	if a.LongLived {
		fault = FaultAccountIsLongLived
	}
	return failedBy(codeOtherAccount, fault, Values{Account: a.Name}, nil)
}

// learnPerson asks whose an account is that does not tell.
func (w takingIn) learnPerson(ctx context.Context, a *ledger.Account) {
	ours, err := w.vault(w.l).load(ctx, a.Name)
	if err != nil {
		return
	}
	a.Person = a.Person.Or(personOf(ours.Account)).Or(w.asking().askPerson(ctx, &ours))
	if c := w.l.Chain(a.Chain); c != nil {
		c.Person = c.Person.Or(a.Person)
	}
}

func (w takingIn) hasLogin(ctx context.Context, account string) bool {
	_, err := w.vault(w.l).load(ctx, account)
	return !isNotFound(err)
}

func otherPerson(a *ledger.Account, p ledger.Person) *Error {
	return failedBy(codeOtherAccount, FaultOtherPerson,
		Values{Account: a.Name, Owner: nameOfPerson(a.Person), Person: nameOfPerson(p)}, nil)
}

// nameOfPerson is empty of somebody who is not known.
func nameOfPerson(p ledger.Person) string {
	switch {
	case p.Email != "" && p.Organization != "":
		return p.Email + " (organization " + firstOf(p.Organization, 8) + "…)"
	case p.Email != "":
		return p.Email
	case p.ID != "":
		return "the account " + firstOf(p.ID, 8) + "…"
	}
	return ""
}

// Names lists the accounts' names.
func (st Status) Names() []string {
	names := make([]string, 0, len(st.Accounts))
	for _, a := range st.Accounts {
		names = append(names, a.Name)
	}
	return names
}
