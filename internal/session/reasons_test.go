package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"

	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/keychain"
)

// reread is a ledger with one chain and one place as the file has it.
func reread(t *testing.T, c *ledger.Chain, p *ledger.Place) (*ledger.Chain, *ledger.Place) {
	t.Helper()
	l := ledger.New()
	l.Chains, l.Places = []*ledger.Chain{c}, []*ledger.Place{p}
	text, err := l.Encode()
	if err == nil {
		l, err = ledger.Decode(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l.Chains[0], l.Places[0]
}

// Why nothing is sent: a remark of ours by its name. What an earlier version noted was its sentence,
// and what the server said has no name: both are told as they are.
func TestWhyNothingIsSent(t *testing.T) {
	r := newRig(t)
	r.signIn(0)
	w := r.work()
	defer w.end()
	named := &ledger.Chain{ID: "c1", Account: "a"}
	w.paceChain(named, oauth.Grant{}, &oauth.Error{Kind: oauth.Malformed})
	if named.Why != "incomplete" {
		t.Errorf("noted as %q", named.Why)
	}
	for why, want := range map[string]*Reason{
		named.Why:             {Remark: RemarkIncomplete},
		"short-lived":         {Remark: RemarkShortLived},
		"claude-renewed-none": {Remark: RemarkClaudeRenewedNone},
		"the server's last response was incomplete": nil,
		"HTTP 503": nil,
		"let-go":   nil, // somebody else's word
		"":         nil,
	} {
		c, _ := reread(t, &ledger.Chain{ID: "c1", Account: "a", Why: why}, &ledger.Place{ID: "file:/x"})
		text, got := whyOf(c)
		if !reflect.DeepEqual(got, want) || want == nil && text != why || want != nil && text != "" {
			t.Errorf("%q: %q, %+v", why, text, got)
		}
	}
}

// Why a place stays behind: the system's words as they are, and a fault with its values. An earlier
// version noted a fault's sentence.
func TestWhyAPlaceStaysBehind(t *testing.T) {
	text := func(said string) *Reason { return &Reason{Text: said} }
	behind := failedBy(entryCode, FaultEntryUnwritable, Values{Reason: "r", Repair: "h"}, fs.ErrPermission)
	locked := storeError("keychain", fmt.Errorf("x: %w", keychain.ErrLocked))
	for name, c := range map[string]struct {
		err  error
		want *Reason
	}{
		"the system": {&os.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission},
			text(fs.ErrPermission.Error())},
		"any error":       {errors.New("no room"), text("no room")},
		"a fault":         {behind, &Reason{Fault: FaultEntryUnwritable, Values: &Values{Reason: "r", Repair: "h"}}},
		"a fault, joined": {errors.Join(errors.New("x"), errGone), &Reason{Fault: FaultGone, Values: &Values{}}},
		"a fault behind another one": {failedAs(entryCode, FaultEntryUnread, locked), &Reason{
			Fault:  FaultEntryUnread,
			Values: &Values{Because: &Reason{Fault: FaultStoreLocked, Values: &locked.Values}}}},
	} {
		p := &ledger.Place{ID: "file:/x"}
		if !because(p, reasonFor(c.err)) || because(p, reasonFor(c.err)) {
			t.Errorf("%s: it is not news once", name)
		}
		_, p = reread(t, &ledger.Chain{ID: "c1"}, p)
		if got := reasonOf(p); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		fault := c.want.Fault != ""
		if (p.Reason == "") != fault || strings.HasPrefix(string(p.Because), "{") != fault {
			t.Errorf("%s: noted as %q and %s", name, p.Reason, p.Because)
		}
		if p.NoReason(); reasonOf(p) != nil {
			t.Errorf("%s: it stays", name)
		}
	}
	const sentence = "Claude Code's entry cannot be written: r"
	_, old := reread(t, &ledger.Chain{ID: "c1"}, &ledger.Place{ID: "file:/x", Reason: sentence})
	if got := reasonOf(old); !reflect.DeepEqual(got, text(sentence)) {
		t.Errorf("an earlier version's: %+v", got)
	}
	if !because(old, reasonFor(behind)) || old.Reason != "" {
		t.Errorf("an earlier version's stays: %+v", old)
	}
}
