// Package words puts the engine's faults into a terminal's words, for both programs: what
// the menu copies for whoever helps is the terminal's text, too.
package words

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"

	"keytender/internal/session"
	"keytender/internal/shown"
)

// sentences say what happened and what to do. A name in braces stands for the value of that
// name.
type sentences struct{ message, hint string }

// worded is a fault in words. Lists of them need no work at the start of each command, as maps
// would.
type worded struct {
	fault session.Fault
	words sentences
}

// Error is what went wrong in a command itself, or with the engine, in words.
type Error struct {
	Code          session.Code
	Exit          int
	Message, Hint string
	Err           error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Outcome implements session.Coded.
func (e *Error) Outcome() (code session.Code, exit int) { return e.Code, e.Exit }

// Known is the first error in err that is the engine's or a command's own, in words, or nil.
func Known(err error) *Error {
	var first session.Coded
	if !errors.As(err, &first) {
		return nil
	}
	said := &Error{Err: err}
	said.Code, said.Exit = first.Outcome()
	switch e := first.(type) {
	case *Error:
		said.Message, said.Hint = e.Message, e.Hint
	case *session.Error:
		said.Message, said.Hint = ofFault(e)
	}
	return said
}

// Of is an error in words; known is false of one that is neither the engine's nor a command's.
func Of(err error) (message, hint string, known bool) {
	if said := Known(err); said != nil {
		return said.Message, said.Hint, true
	}
	return err.Error(), "", false
}

func ofFault(e *session.Error) (message, hint string) {
	said, values := wordsOf(e.Fault), e.Values
	if values.Reason == "" && values.Because == nil && e.Err != nil {
		values.Reason = Plain(e.Err)
	}
	if values.Repair == "" {
		_, values.Repair = causeOf(e)
	}
	return inWords(values).Replace(said.message), withBesides(inWords(values).Replace(said.hint), e.Values)
}

// causeOf is the error of the engine behind another one in words, if there is one.
func causeOf(e *session.Error) (message, hint string) {
	if cause := (&session.Error{}); errors.As(e.Err, &cause) {
		message, hint = ofFault(cause)
	}
	return message, hint
}

func wordsOf(f session.Fault) sentences {
	for _, subject := range [][]worded{accountWords, keyWords, signInWords, claudeWords, entryWords, lendWords,
		mendWords, placeWords, renewalWords, storeWords, watchWords} {
		for _, w := range subject {
			if w.fault == f {
				return w.words
			}
		}
	}
	return sentences{"something went wrong (" + string(f) + ")", "`keytender doctor` looks for what is wrong"}
}

const nobodyKnown = "somebody who is not known"

func inWords(v session.Values) *strings.Replacer {
	if v.Because != nil {
		v.Reason = OfReason(v.Because)
	}
	return strings.NewReplacer("{account}", v.Account, "{owner}", cmp.Or(v.Owner, nobodyKnown),
		"{store}", Store(v.Place), "{person}", cmp.Or(v.Person, nobodyKnown), "'{path}'", shown.Quoted(v.Path),
		"{path}", v.Path, "{aside}", v.Aside, "'{place}'", shown.Quoted(v.Place), "{place}", v.Place, "{reason}",
		v.Reason,
		"{repair}", v.Repair, "'{id}'", shown.Quoted(v.ID), "{id}", v.ID, "{limit}", shown.Span(v.Limit), "{least}",
		v.Least, "{host}", v.Host,
		"{around}", shown.Around(v.Limit), "{time}", v.At.Local().Format("15:04:05 MST"), "{date}", day(v.At),
		"{day}", v.At.UTC().Format(time.DateOnly), "{second}", v.At.Local().Format("2006-01-02 15:04:05 MST"),
		"{client}", cmp.Or(v.Client, "a version that it does not tell"), "{standing}", v.Standing, "{also}", v.Also,
		"{list}", strings.Join(v.List, ", "), "{count}", strconv.Itoa(v.Count), "{accounts}",
		shown.Count(v.Count, "account"), "{mode}", octal(v.Mode), "{want}", octal(v.Want),
		"{may}", may(v.Mode), "{which}", aheadOrBehind(v.Limit), "{why}", cmp.Or(v.Reason, "no reason is known"),
		"{estimate}", estimate(v.Estimated), "{version}", session.Version)
}

// Store is what people call a store that the engine names.
func Store(name string) string {
	if name == "keychain" {
		return "keychain (OS keychain, item keytender)"
	}
	return name
}

// withBesides adds to a hint what else the engine noted.
func withBesides(hint string, v session.Values) string {
	if v.WatchOnly {
		hint = strings.ReplaceAll(hint, ", or sign in with `keytender login`", "")
	}
	if v.TwoSteps {
		hint = strings.ReplaceAll(hint, "`keytender login`", "`keytender login --begin`")
	}
	if !v.WaitsUntil.IsZero() {
		hint = goOn(hint) + "; the sign-in waits until " + v.WaitsUntil.Local().Format("15:04:05 MST")
	}
	if v.ClaudeSignedIn {
		hint = "Claude Code is signed in as that account now; " + hint
	}
	if v.Displaced != "" {
		hint = strings.TrimSuffix(hint, "; nothing was changed")
		undo := "`keytender mirror --undo` puts the login of " + v.Displaced + " back"
		if v.Occupied {
			undo = "once Claude Code is signed out (`claude auth logout`), " + undo
		}
		hint += "; " + undo
	}
	if v.LostKey != "" {
		hint += "; the new key (" + v.LostKey + ") is lost, so delete it at the Console"
	}
	return hint
}

// goOn says how a sign-in in two steps that waits on is gone on with.
func goOn(hint string) string {
	if hint == "" || strings.Contains(hint, "`keytender login") {
		return "give all that the page showed (CODE#STATE) to `keytender login --finish` on stdin"
	}
	return hint + "; then run `keytender login --finish` again with the same code"
}

// Plain is what err says, each fault in it in words.
func Plain(err error) string {
	said := err.Error()
	var parts []error
	switch e := err.(type) {
	case *session.Error:
		said, _ = ofFault(e)
	case *Error:
	case interface{ Unwrap() []error }:
		parts = e.Unwrap()
	case interface{ Unwrap() error }:
		parts = []error{e.Unwrap()}
	}
	for _, part := range parts {
		if part != nil {
			said = strings.Replace(said, part.Error(), Plain(part), 1)
		}
	}
	return said
}
