package ledger

import (
	"cmp"
	"strings"
)

// Person is whose a login is: account and organisation, the e-mail where ids are
// missing. Every field may be empty.
type Person struct {
	ID           string `json:"account,omitempty"`
	Organization string `json:"organization,omitempty"`
	Email        string `json:"email,omitempty"`
}

// likeness says whether two logins are one person's.
type likeness int

// The likenesses. Unsure is an answer: nothing is sent and nothing overwritten on it.
const (
	Unsure likeness = iota
	Same
	Different
)

// Known reports whether anything tells who it is.
func (p Person) Known() bool { return p.ID != "" || p.Email != "" }

// Like compares by ids, and by e-mail where an id is missing. One account in two
// organisations is two persons: each has a login of its own.
func (p Person) Like(q Person) likeness {
	if differ(p.Organization, q.Organization) {
		return Different
	}
	switch {
	case p.ID != "" && q.ID != "":
		if p.ID != q.ID {
			return Different
		}
		return Same
	case p.Email != "" && q.Email != "":
		if !strings.EqualFold(p.Email, q.Email) {
			return Different
		}
		return Same
	}
	return Unsure
}

func differ(a, b string) bool { return a != "" && b != "" && a != b }

// Or fills what p does not know from known, which was said of the same person.
func (p Person) Or(known Person) Person {
	return Person{ID: cmp.Or(p.ID, known.ID), Organization: cmp.Or(p.Organization, known.Organization),
		Email: cmp.Or(p.Email, known.Email)}
}

// Of returns the account of a person: the one for daily work, or the long-lived one.
// One whose person is not known belongs to nobody, and so does one of whom it is not told in
// which of several organisations.
func (l *Ledger) Of(p Person, longLived bool) *Account {
	var found *Account
	for _, a := range l.Accounts {
		switch {
		case a.LongLived != longLived || a.Person.Like(p) != Same:
		case a.Person.Organization == p.Organization:
			return a
		case found == nil:
			found = a
		}
	}
	if l.Ambiguous(p) {
		return nil
	}
	return found
}

// Ambiguous reports whether accounts of ours are the person's in several organisations, and
// it is not told which one is meant.
func (l *Ledger) Ambiguous(p Person) bool {
	organization := ""
	for _, a := range l.Accounts {
		if p.Organization != "" || a.Person.Like(p) != Same {
			continue
		}
		if differ(organization, a.Person.Organization) {
			return true
		}
		organization = cmp.Or(organization, a.Person.Organization)
	}
	return false
}

// Surely reports whether two logins are one person's in one organisation, as far as it is
// told of either.
func (p Person) Surely(q Person) bool { return p.Like(q) == Same && p.Organization == q.Organization }

// maxName leaves room behind a name for a number.
const maxName = 40

// NewName makes a name for a person's account that no account has: after the e-mail's
// local part, else "default".
func (l *Ledger) NewName(p Person, longLived bool) string {
	local, _, _ := strings.Cut(p.Email, "@")
	base := plainName(local)
	switch {
	case base == "" && longLived:
		base = "token"
	case base == "":
		base = "default"
	case longLived:
		base += "-token"
	}
	name := base
	for n := 2; l.Account(name) != nil || l.Twin(name) != ""; n++ {
		name = base + "-" + digits(n)
	}
	return name
}

// Chosen reports whether a person chose the account's name. One that NewName makes, or
// that the menu once gave (account-2), says nothing more than the e-mail.
func (a *Account) Chosen() bool {
	local, _, _ := strings.Cut(a.Person.Email, "@")
	name := a.Name
	if i := strings.LastIndexByte(name, '-'); i > 0 && strings.Trim(name[i+1:], "0123456789") == "" {
		name = name[:i]
	}
	switch name = strings.TrimSuffix(name, "-token"); name {
	case "default", "token", "account", plainName(local):
		return false
	}
	return a.Name != plainName(local)
}

func digits(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return digits(n/10) + digits(n%10)
}

// plainName keeps of a text what an account's name may be made of.
func plainName(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case b.Len() >= maxName:
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_' && b.Len() > 0:
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-_")
}
