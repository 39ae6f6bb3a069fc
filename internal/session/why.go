package session

import (
	"context"
	"slices"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain/claudecode"
)

// Story is what is known of why Claude Code or keytender is signed out: by our history, the
// client's own log, who holds its lock, and what lies in its entry.
type Story struct {
	At      time.Time // when it was looked at
	Clues   []Clue    // none: nothing says that somebody was signed out
	Steps   []Record  // the last ones of this account, oldest first
	Clients []ClientTrace
}

// Clue names one thing that tells why, with its values.
type Clue struct {
	Verdict Verdict
	Values  *Values // nil: none
	Err     error   // what goes wrong, where that is the clue
	Step    *Record // of the history, where that is the clue
}

// Verdict names a clue, one for each sentence that is said of it.
type Verdict string

// The verdicts.
const (
	VerdictSignedOut         Verdict = "signed-out"
	VerdictNobody            Verdict = "nobody"
	VerdictNotWorking        Verdict = "not-working"
	VerdictTimeOver          Verdict = "time-over"
	VerdictUsedTwice         Verdict = "used-twice"
	VerdictNoEntry           Verdict = "no-entry"
	VerdictEntryUnusable     Verdict = "entry-unusable"
	VerdictBlanked           Verdict = "blanked"
	VerdictBlankedBehind     Verdict = "blanked-behind"
	VerdictEntrySignedOut    Verdict = "entry-signed-out"
	VerdictEntryGone         Verdict = "entry-gone"
	VerdictEntryGoneSeen     Verdict = "entry-gone-seen"
	VerdictOtherLogin        Verdict = "other-login"
	VerdictOlderTokens       Verdict = "older-tokens"
	VerdictEntryNotAccepted  Verdict = "entry-not-accepted"
	VerdictEntryIsOverridden Verdict = "entry-is-overridden"
)

// ClientTrace is what Claude Code itself left in one of its directories.
type ClientTrace struct {
	Place  string
	Holder string // of its renewal lock; empty: nobody
	Lines  []claudecode.LogLine
}

// Why tells what is known of why somebody is signed out.
func (e *Engine) Why(ctx context.Context) Story {
	return e.doctor().why(ctx)
}

func (d doctor) why(ctx context.Context) Story {
	ctx = oneWait(ctx)
	st := d.Status(ctx)
	records, _ := d.History()
	var account []Record
	for _, r := range records {
		if r.Account == st.Account && r.Account != "" || r.Account == "" && r.What == ledger.ChangeForgotten {
			account = append(account, r)
		}
	}
	const most = 6
	told := Story{At: d.wall(), Clues: d.clues(ctx, st, account), Steps: account[max(0, len(account)-most):]}
	for _, dir := range d.knownEntries() {
		told.Clients = append(told.Clients, ClientTrace{dir.Place(), dir.LockHolder(), dir.LogLines(4)})
	}
	return told
}

// clues are what tells most of all that is known.
func (d doctor) clues(ctx context.Context, st Status, records []Record) []Clue {
	told := d.ourClues(st, records)
	if d.entryErr != nil {
		return append(told, Clue{Verdict: VerdictNoEntry, Err: d.entryErr})
	}
	l, err := d.ledger()
	if err != nil {
		l = ledger.New()
	}
	w := &work{Engine: d.Engine, l: l}
	s, err := w.see(ctx, d.entry, false)
	if err != nil {
		told = append(told, Clue{Verdict: VerdictEntryUnusable, Values: &Values{At: d.entry.Written()}, Err: err})
	} else if clue := w.entryClue(s, st, records); clue.Verdict != "" {
		told = append(told, clue)
	}
	if accepted, why := s.entry.AcceptedByClient(); err == nil && s.entry.State == claudecode.SignedIn && !accepted {
		told = append(told, Clue{Verdict: VerdictEntryNotAccepted, Values: &Values{Because: notAccepted(why)}})
	}
	if over := d.entry.Overrides(); len(over) > 0 {
		told = append(told, Clue{Verdict: VerdictEntryIsOverridden, Values: &Values{List: over}})
	}
	return told
}

// entryClue is what an entry that can be read tells; its verdict is empty where that is nothing.
func (w *work) entryClue(s sighting, st Status, records []Record) Clue {
	clue := Clue{Values: &Values{At: w.entry.Written()}}
	place := w.l.Place(w.entry.ID())
	switch {
	case s.entry.Blanked() && place != nil && reasonOf(place) != nil:
		clue.Verdict, clue.Values.Because = VerdictBlankedBehind, reasonOf(place)
	case s.entry.Blanked():
		clue.Verdict = VerdictBlanked
	case s.entry.State == claudecode.SignedOut && place != nil:
		clue.Verdict = VerdictEntrySignedOut
	case s.entry.State == claudecode.Absent && place != nil:
		clue.Verdict = VerdictEntryGone
		if clue.Step = lastOf(records, ledger.ChangeSignedOutThere); clue.Step != nil {
			clue.Verdict = VerdictEntryGoneSeen
		}
	case s.entry.State == claudecode.SignedIn && s.Account() != st.Account && st.State == SignedIn:
		clue.Verdict = VerdictOtherLogin
	case s.Relation == ledger.Superseded || s.Relation == ledger.Revoked:
		clue.Verdict = VerdictOlderTokens
	}
	return clue
}

func (d doctor) ourClues(st Status, records []Record) []Clue {
	clue := Clue{Verdict: VerdictNotWorking}
	switch st.State {
	case SignedIn:
		return nil
	case SignedOut:
		clue.Verdict = VerdictNobody
		if clue.Step = lastOf(records, ledger.ChangeSignedOut); clue.Step != nil {
			clue.Verdict = VerdictSignedOut
		}
		return []Clue{clue}
	case SignInAgain:
		clue.Step = lastOf(records, ledger.ChangeRefused, ledger.ChangeLost)
		switch {
		case clue.Step == nil:
		case st.Login.ExpiresAt != nil && !clue.Step.At.Before(st.Login.ExpiresAt.Add(-time.Hour)):
			clue.Verdict = VerdictTimeOver
		default:
			clue.Verdict = VerdictUsedTwice
		}
	case TryLater: // its problem tells why
	}
	if st.Problem != nil {
		clue.Err = st.Problem.Err
	}
	return []Clue{clue}
}

// lastOf is the last record that tells one of these, or nil.
func lastOf(records []Record, what ...ledger.ChangeKind) *Record {
	for i := len(records) - 1; i >= 0; i-- {
		if slices.Contains(what, records[i].What) {
			return &records[i]
		}
	}
	return nil
}
