package words

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"keytender/internal/session"
)

// judged is a verdict in words.
type judged struct {
	verdict session.Verdict
	said    string
}

// The sentences of a story; a date is that of the step, where one tells it.
var verdictWords = []judged{
	{session.VerdictSignedOut, "You signed out with keytender on {date}."},
	{session.VerdictNobody, "Nobody is signed in with keytender, and its history knows of no login that ended."},
	{session.VerdictNotWorking, "Keytender's login does not work: {reason}."},
	{session.VerdictTimeOver, "Keytender's login does not work: {reason}; that was on {date} ({also}). " +
		"A login ends after some weeks, whatever is renewed, and this one's time was over."},
	{session.VerdictUsedTwice,
		"Keytender's login does not work: {reason}; that was on {date} ({also}). A refresh token works once, " +
			"so another program, another machine or a backup used the same login, or somebody signed out of it elsewhere."},
	{session.VerdictNoEntry, "Claude Code has no place for a login here: {reason}."},
	{session.VerdictEntryUnusable,
		"Claude Code's entry cannot be used, so Claude Code takes it for none: {reason}; it was last written on {date}."},
	{session.VerdictBlanked,
		"Claude Code blanked its entry on {date}, which it does when the server calls its refresh token spent: " +
			"another program, another machine or a backup used the same one, or the login had ended at the server."},
	{session.VerdictBlankedBehind,
		"Claude Code blanked its entry on {date}, which it does when the server calls its refresh token spent: " +
			"keytender had renewed the login and could not write the new tokens there ({reason})."},
	{session.VerdictEntrySignedOut, "Claude Code's entry was last written on {date} and holds no login any more: " +
		"somebody signed out there, which also asks the server to end the login."},
	{session.VerdictEntryGone,
		"Claude Code's entry is gone: `claude auth logout` and /logout leave it so, and ask the server to end the login too."},
	{session.VerdictEntryGoneSeen, "Claude Code's entry is gone, as was seen on {date}: " +
		"`claude auth logout` and /logout leave it so, and ask the server to end the login too."},
	{session.VerdictOtherLogin,
		"Claude Code's entry holds a login that keytender did not write, last written on {date}."},
	{session.VerdictOlderTokens,
		"Claude Code's entry holds older tokens than keytender has: Claude Code is refused with them."},
	{session.VerdictEntryNotAccepted, "Claude Code does not accept its entry: {reason}."},
	{session.VerdictEntryIsOverridden, "Claude Code does not use its entry here while these are set: {list}."},
}

// Why says in one paragraph why Claude Code or keytender is signed out, as far as it is known.
// Names, tokens and the home folder are taken out, so that it can be shown around.
func Why(ctx context.Context, engine *session.Engine) string {
	return without(engine, ofStory(engine.Why(ctx)))
}

func ofStory(s session.Story) string {
	told := []string{fmt.Sprintf("Seen by keytender %s on %s at %s.", session.Version, runtime.GOOS, day(s.At))}
	for _, clue := range s.Clues {
		told = append(told, ofClue(clue))
	}
	if s.Clues == nil {
		told = append(told,
			"Nothing that keytender knows says that you were logged out: its login works, and Claude Code's entry holds it.")
	}
	told = append(told, ofSteps(s))
	for _, client := range s.Clients {
		if client.Holder != "" {
			told = append(told, "Claude Code's renewal lock stands in "+client.Place+": "+client.Holder+".")
		}
		if client.Lines != nil {
			told = append(told, ofLog(client))
		}
	}
	return strings.Join(told, " ")
}

func ofClue(c session.Clue) string {
	values := valuesOf(c.Values, c.Err)
	if c.Step != nil {
		values.At, values.Also = c.Step.At, Detail(*c.Step)
	}
	for _, j := range verdictWords {
		if j.verdict == c.Verdict {
			return inWords(values).Replace(j.said)
		}
	}
	return string(c.Verdict) + "."
}

// ofSteps tells the end of the history.
func ofSteps(s session.Story) string {
	if len(s.Steps) == 0 {
		return "Keytender's history is empty."
	}
	var steps []string
	for _, r := range s.Steps {
		step := r.At.Local().Format("01-02 15:04") + " " + string(r.What) + " by " + r.Who
		if detail := Detail(r); detail != "" {
			step += " (" + detail + ")"
		}
		steps = append(steps, step)
	}
	return "The last steps (" + s.At.Local().Format("MST") + "): " + strings.Join(steps, "; ") + "."
}

func ofLog(client session.ClientTrace) string {
	var lines []string
	for _, l := range client.Lines {
		line := l.At.Local().Format("01-02 15:04:05") + " \"" + strings.Trim(l.Text, ". ") + "\""
		if l.Times > 1 {
			line += fmt.Sprintf(" (%d times)", l.Times)
		}
		lines = append(lines, line)
	}
	return "Claude Code's own log: " + strings.Join(lines, "; ") + "."
}

// day writes a point in time as people say it, with its zone.
func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }
