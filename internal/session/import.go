package session

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/scope"
	"keytender/internal/secret"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// Imported says what became of an import.
type Imported struct {
	Account string
	// Note says so where the login went to another account than was asked for.
	Note Said
	// Shared: the program that it came from goes on with the same chain.
	Shared string
	// Already: we had it, or a newer pair of it.
	Already bool
	// Former: the login that the account had before can be put back.
	Former bool
	// PlainFile is the file that was chosen to keep logins in, since there is no keychain.
	PlainFile string
}

// ImportClaudeCode takes over the login that Claude Code's entry holds. It makes no token
// call and does not write the entry.
func (e *Engine) ImportClaudeCode(ctx context.Context, o ImportOptions) (Imported, error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return Imported{}, err
	}
	defer w.following().endInStep(ctx)
	if e.entryErr != nil {
		return Imported{}, entryError(e.entryErr)
	}
	s, err := w.see(Patient(ctx), e.entry, true)
	if err != nil {
		return Imported{}, entryError(err)
	}
	if s.entry.State != claudecode.SignedIn {
		return Imported{}, failedBy(codeNothingToImport, FaultNoLoginInEntry, Values{Place: e.entry.Place()}, nil)
	}
	c, from := s.entry.Login, origin{name: e.entry.Place()}
	lent := w.l.Place(lentID(e.entry))
	if lent != nil && !c.Refresh.IsZero() {
		from.lentTo = lent.Account
	}
	p := s.person
	if id, known := e.entry.Identity(); known && s.owns(id) && p.ID == id.AccountID {
		p = p.Or(ledger.Person{Email: id.Email, Organization: id.OrganizationID})
	}
	if f, known := w.l.Identify(pairOf(&c)); (!known || f.Account() == "") &&
		(w.l.Of(p, false) != nil || w.l.Ambiguous(p)) {
		// It takes the place of what we have, so the server says whose it is, whatever ids lie beside it.
		if told := w.asking().askPerson(Patient(ctx), &c); told.ID != "" {
			p = told
		}
	}
	if p.ID != "" && p.ID != c.Account.ID {
		c.Account = keychain.Account{}
	}
	c.Account = c.Account.Or(keychain.Account{ID: p.ID, OrganizationID: p.Organization, Email: p.Email})
	if owner := s.Account(); owner != "" && s.Relation == ledger.Successor && (o.Account == "" || o.Account == owner) {
		if err := w.settling().settle(ctx, &s); err != nil {
			return Imported{}, err
		}
		w.l.Active = owner
		return Imported{Account: owner, Already: true, Shared: e.entry.Place()}, w.save()
	}
	done, err := w.takingIn().takeOver(Patient(ctx), o, c, from)
	if err != nil {
		return Imported{}, err
	}
	if from.lentTo != "" {
		w.lentCopies().endLending(e.entry)
	}
	if chain := w.l.ChainOf(done.Account); chain != nil && chain.Knows(pairOf(&c)) && !w.isLent(e.entry) {
		place := w.place(e.entry)
		place.Holds(chain, pairOf(&c))
		place.Let = false
	}
	return done, w.save()
}

// ImportOptions is what a person can choose about an import.
type ImportOptions struct {
	Account string
	Replace bool // another person's login under that name makes room, and can be put back
}

// ImportJSON takes over a login in the shape of Claude Code's entry.
func (e *Engine) ImportJSON(ctx context.Context, o ImportOptions, text secret.String) (Imported, error) {
	entry, err := claudecode.DecodeEntry([]byte(text.Reveal()))
	if err != nil {
		return Imported{}, failedBy(codeUnusable, FaultNotItsJSON,
			Values{Reason: strings.TrimPrefix(err.Error(), keychain.ErrDamaged.Error()+": ")}, err)
	}
	if entry.State != claudecode.SignedIn {
		return Imported{}, failedAs(codeUnusable, FaultNoLoginInJSON, nil)
	}
	return e.importFrom(ctx, o, entry.Login, "the input")
}

// ImportOpenCode takes over the login in OpenCode's auth.json.
func (e *Engine) ImportOpenCode(ctx context.Context, o ImportOptions, path string) (Imported, error) {
	data, err := atomicfile.Read(path, maxStateFile)
	if err != nil {
		return Imported{}, failedBy(codeNothingToImport, FaultOpenCodeUnread, Values{Path: path, Reason: plain(err)},
			err)
	}
	var logins struct {
		Anthropic *struct {
			Type    string `json:"type"`
			Access  string `json:"access"`
			Refresh string `json:"refresh"`
			Expires int64  `json:"expires"`
		} `json:"anthropic"`
	}
	if err := json.Unmarshal(data, &logins); err != nil {
		return Imported{}, failedBy(codeUnusable, FaultOpenCodeShape, Values{Path: path}, keychain.ErrDamaged)
	}
	l := logins.Anthropic
	if l == nil || l.Type != "oauth" || l.Access == "" {
		return Imported{}, failedBy(codeNothingToImport, FaultOpenCodeNoLogin, Values{Path: path}, nil)
	}
	c := keychain.Credential{Access: secret.New(l.Access), Refresh: secret.New(l.Refresh),
		AccessEnds: keychain.Millis(l.Expires),
		Scopes:     []string{scope.APIKey, scope.Profile, scope.Inference}}
	return e.importFrom(ctx, o, c, path)
}

func (e *Engine) importFrom(ctx context.Context, o ImportOptions, c keychain.Credential, from string) (Imported,
	error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return Imported{}, err
	}
	defer w.following().endInStep(ctx)
	return w.takingIn().takeOver(Patient(ctx), o, c, origin{name: from})
}

// maxToken is the longest token that is taken over, in bytes.
const maxToken = 16 << 10

// origin is where a login was found.
type origin struct {
	name string
	// lentTo is the account that was lent there. What lies there since may be a copy of its login
	// that Claude Code renewed, and then the one that the other places hold is spent.
	lentTo string
}

// takeOver stores a login that another program got.
func (w takingIn) takeOver(ctx context.Context, o ImportOptions, c keychain.Credential, from origin) (Imported, error) {
	for _, token := range []secret.String{c.Access, c.Refresh} {
		text := token.Reveal()
		if len(text) > maxToken {
			return Imported{}, failedBy(codeUnusable, FaultTokenTooLong, Values{Place: from.name}, nil)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Imported{}, failedBy(codeUnusable, FaultTokenSigns, Values{Place: from.name}, nil)
		}
	}
	if err := w.reachStore(ctx); err != nil {
		return Imported{}, err
	}
	if c.Refresh.IsZero() && !w.validFor(&c, 0) {
		return Imported{}, failedBy(codeUnusable, FaultImportEnded, Values{Place: from.name}, nil)
	}
	if !c.Refresh.IsZero() || w.validFor(&c, 0) {
		if p := personOf(c.Account); !p.Known() || w.l.Ambiguous(p) {
			if finding, known := w.l.Identify(pairOf(&c)); !known || finding.Account() == "" {
				c.Account = c.Account.Or(accountOf(w.asking().askPerson(ctx, &c)))
				switch lent := w.l.Account(from.lentTo); {
				case lent == nil || personOf(c.Account).Known():
				case o.Account != lent.Name: // it may be that one's, renewed
					return Imported{}, unknownLogin(&sighting{dir: w.entry,
						Finding: ledger.Finding{Chain: w.l.ChainOf(lent.Name)}})
				default: // the person says so
					c.Account = accountOf(lent.Person)
				}
			}
		}
	}
	if err := w.recognise(ctx, o.Account, &c); err != nil {
		return Imported{}, err
	}
	name, note, err := w.signsInTo(ctx, o.Account, c, false, o.Replace)
	if err != nil {
		return Imported{}, err
	}
	done := Imported{Account: name, Note: note}
	if !c.Refresh.IsZero() {
		done.Shared = from.name
	}
	finding, known := w.l.Identify(pairOf(&c))
	_, loadErr := w.vault(w.l).load(ctx, name)
	switch {
	case !known:
	case finding.Relation == ledger.Superseded, finding.Relation == ledger.Revoked:
		return Imported{}, superseded(from.name, finding.Account())
	case finding.Relation == ledger.Current && finding.Chain == w.l.ChainOf(name) && !notThere(loadErr):
		done.Already = true
		w.l.Active = name
		return done, w.completeRecord(ctx, name, c)
	}
	if errors.Is(loadErr, keychain.ErrDamaged) {
		return Imported{}, storeError(w.vault(w.l).store.Kind(), loadErr)
	}
	if known && finding.Chain == w.l.ChainOf(name) { // our record is not there, and what it told is known
		complete(&c, told(w.l.Account(name)))
	}
	c.Issued, c.Method, c.Unknown, c.Lifetime = w.wall(), keychain.Import, nil, 0
	lent := w.l.LentTo(name)
	unchosen := w.wantedStore(w.l) == ""
	_, done.Former, err = w.takeIn(ctx, takenIn{account: name, c: c, what: ledger.ChangeImported, activate: true,
		carries: from.lentTo == name})
	if unchosen && w.l.Store == "file" {
		done.PlainFile = w.storeName("file")
	}
	if ended := lentNoMore(lent); ended.Remark != "" {
		done.Note = ended
	}
	return done, err
}

// recognise takes in the login as what it is in the entry that holds it too: a newer pair
// of ours is never taken in beside ours. Where that cannot be found out, the person who
// names the account says so.
func (w takingIn) recognise(ctx context.Context, asked string, c *keychain.Credential) error {
	for _, dir := range w.directories() {
		s, err := w.see(ctx, dir, true)
		if err != nil || pairOf(&s.entry.Login) != pairOf(c) {
			continue
		}
		if s.Relation == ledger.Unknown && asked != "" && s.Account() == asked {
			s.Relation = ledger.Successor
		}
		if s.Relation == ledger.Unknown || s.Relation == ledger.Successor {
			return w.settling().settle(ctx, &s)
		}
	}
	return nil
}

func superseded(from, account string) *Error {
	fault := FaultImportForgotten
	if account != "" {
		fault = FaultImportOlder
	}
	return failedBy(codeSuperseded, fault, Values{Place: from, Account: account}, nil)
}

func accountOf(p ledger.Person) keychain.Account {
	return keychain.Account{ID: p.ID, OrganizationID: p.Organization, Email: p.Email}
}

// complete fills in what was told of a login elsewhere.
func complete(c *keychain.Credential, told *keychain.Credential) {
	c.Account = c.Account.Or(told.Account)
	if c.LoginEnds.IsZero() || c.LoginEndsEstimated && !told.LoginEnds.IsZero() {
		c.LoginEnds, c.LoginEndsEstimated = told.LoginEnds, told.LoginEndsEstimated
	}
}

// completeRecord fills in what an import tells of a login that we have.
func (w takingIn) completeRecord(ctx context.Context, account string, told keychain.Credential) error {
	v := w.vault(w.l)
	ours, err := v.load(ctx, account)
	if err != nil {
		return storeError(v.store.Kind(), err)
	}
	before := ours
	complete(&ours, &told)
	if ours.Account == before.Account && ours.LoginEnds.Equal(before.LoginEnds) {
		return nil
	}
	if err := v.save(ctx, account, ours); err != nil {
		return storeError(v.store.Kind(), err)
	}
	w.describeAccount(account, &ours)
	return w.save()
}
