package session

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain/claudecode"
)

// Why says in one paragraph why Claude Code or keytender is signed out, as far as it is
// known: by our history, the client's own log, who holds its lock, and what lies in its
// entry. Names, tokens and the home folder are taken out, so that it can be shown around.
func (e *Engine) Why(ctx context.Context) string {
	return e.doctor().why(ctx)
}

func (d doctor) why(ctx context.Context) string {
	ctx = oneWait(ctx)
	st := d.Status(ctx)
	records, _ := d.History()
	account := slices.DeleteFunc(slices.Clone(records), func(r Record) bool {
		return r.Account != st.Account && r.Account != "" || r.Account == "" && r.What != "forgotten"
	})
	told := []string{fmt.Sprintf("Seen by keytender %s on %s at %s.", Version, runtime.GOOS, day(d.wall()))}
	told = append(told, d.verdict(ctx, st, account)...)
	told = append(told, d.lastSteps(account)...)
	for _, dir := range d.knownEntries() {
		if who := dir.LockHolder(); who != "" {
			told = append(told, "Claude Code's renewal lock stands in "+dir.Place()+": "+who+".")
		}
		told = append(told, clientSays(dir)...)
	}
	names, _, _ := d.AccountNames()
	return withoutNames(strings.Join(told, " "), append(names, userName())...)
}

// verdict is the most telling thing that is known.
func (d doctor) verdict(ctx context.Context, st Status, records []Record) []string {
	var told []string
	if ours := d.ourVerdict(st, records); ours != "" {
		told = append(told, ours)
	}
	if d.entryErr != nil {
		return append(told, "Claude Code has no place for a login here: "+d.entryErr.Error()+".")
	}
	l, err := d.ledger()
	if err != nil {
		l = ledger.New()
	}
	w := &work{Engine: d.Engine, l: l}
	s, err := w.see(ctx, d.entry, false)
	written := "on " + day(d.entry.Written())
	ours := l.Place(d.entry.ID()) != nil
	switch {
	case err != nil:
		told = append(told, "Claude Code's entry cannot be used, so Claude Code takes it for none: "+d.told(err)+"; it was last written "+written+".")
	case s.entry.Blanked():
		told = append(told, "Claude Code blanked its entry "+written+", which it does when the server calls its refresh token spent: "+d.whySpent(l)+".")
	case s.entry.State == claudecode.SignedOut && ours:
		told = append(told, "Claude Code's entry was last written "+written+" and holds no login any more: somebody signed out there, which also asks the server to end the login.")
	case s.entry.State == claudecode.Absent && ours:
		told = append(told, "Claude Code's entry is gone"+firstSeen(records)+": `claude auth logout` and /logout leave it so, and ask the server to end the login too.")
	case s.entry.State == claudecode.SignedIn && s.Account() != st.Account && st.State == SignedIn:
		told = append(told, "Claude Code's entry holds a login that keytender did not write, last written "+written+".")
	case s.Relation == ledger.Superseded || s.Relation == ledger.Revoked:
		told = append(told, "Claude Code's entry holds older tokens than keytender has: Claude Code is refused with them.")
	}
	if accepted, why := s.entry.AcceptedByClient(); err == nil && s.entry.State == claudecode.SignedIn && !accepted {
		told = append(told, "Claude Code does not accept its entry: "+why+".")
	}
	if over := d.entry.Overrides(); len(over) > 0 {
		told = append(told, "Claude Code does not use its entry here while these are set: "+strings.Join(over, ", ")+".")
	}
	if len(told) == 0 {
		told = append(told, "Nothing that keytender knows says that you were logged out: its login works, and Claude Code's entry holds it.")
	}
	return told
}

func (d doctor) ourVerdict(st Status, records []Record) string {
	last := func(what ...string) (Record, bool) {
		for _, r := range slices.Backward(records) {
			if slices.Contains(what, r.What) {
				return r, true
			}
		}
		return Record{}, false
	}
	switch st.State {
	case SignedOut:
		if r, ok := last("signed-out"); ok {
			return "You signed out with keytender on " + day(r.At) + "."
		}
		return "Nobody is signed in with keytender, and its history knows of no login that ended."
	case SignedIn:
		return ""
	}
	said := "Keytender's login does not work: "
	if st.Problem != nil {
		message, _ := d.said(st.Problem.Err)
		said += message
	}
	if r, ok := last("refused", "lost"); ok && st.State == SignInAgain {
		said += "; that was on " + day(r.At) + " (" + r.Detail + ")"
		if st.Login.ExpiresAt != nil && !r.At.Before(st.Login.ExpiresAt.Add(-time.Hour)) {
			return said + ". A login ends after some weeks, whatever is renewed, and this one's time was over."
		}
		said += ". A refresh token works once, so another program, another machine or a backup used the same login, or somebody signed out of it elsewhere"
	}
	return said + "."
}

// whySpent looks for a reason in what we know of that entry.
func (d doctor) whySpent(l *ledger.Ledger) string {
	if place := l.Place(d.entry.ID()); place != nil && place.Reason != "" {
		return "keytender had renewed the login and could not write the new tokens there (" + place.Reason + ")"
	}
	return "another program, another machine or a backup used the same one, or the login had ended at the server"
}

func firstSeen(records []Record) string {
	for _, r := range slices.Backward(records) {
		if r.What == "signed-out-there" {
			return ", as was seen on " + day(r.At)
		}
	}
	return ""
}

// lastSteps tells the end of the chain's story.
func (d doctor) lastSteps(records []Record) []string {
	const most = 6
	var steps []string
	for _, r := range records[max(0, len(records)-most):] {
		step := r.At.Local().Format("01-02 15:04") + " " + r.What + " by " + r.Who
		if r.Detail != "" {
			step += " (" + r.Detail + ")"
		}
		steps = append(steps, step)
	}
	if steps == nil {
		return []string{"Keytender's history is empty."}
	}
	return []string{"The last steps (" + d.wall().Local().Format("MST") + "): " + strings.Join(steps, "; ") + "."}
}

func clientSays(dir *claudecode.Directory) []string {
	var said []string
	for _, l := range dir.LogLines(4) {
		line := l.At.Local().Format("01-02 15:04:05") + " \"" + strings.Trim(l.Text, ". ") + "\""
		if l.Times > 1 {
			line += fmt.Sprintf(" (%d times)", l.Times)
		}
		said = append(said, line)
	}
	if said == nil {
		return nil
	}
	return []string{"Claude Code's own log: " + strings.Join(said, "; ") + "."}
}
