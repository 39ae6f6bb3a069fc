package tray

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
)

// signIn starts the usual sign-in unless something is under way already.
func (a *app) signIn() {
	if a.status.Role == session.RoleWatch {
		a.signInBy(menu.ByClaude, "") // no other way keeps no copy
		return
	}
	a.signInBy(menu.ByBrowser, "")
}

// obey does what the person asks for from a notification or a page.
func (a *app) obey(d notify.Deed) {
	switch d {
	case notify.SignIn:
		a.signIn()
	case notify.SignInWithClaude:
		a.signInBy(menu.ByClaude, "")
	}
}

// signInBy starts a sign-in, for the active account or the one that is named. What the
// person copies counts in every way: it is delivered when they say so.
func (a *app) signInBy(way menu.Way, account string) {
	if a.activity.Busy() {
		return
	}
	ctx, cancel := context.WithCancel(a.ctx)
	pasted := make(chan string, 1)
	a.cancelSignIn, a.pasted, a.asides, a.before = cancel, pasted, nil, nil
	a.activity = menu.Activity{SignIn: menu.Opening, Way: way}
	if way == menu.ByClaude {
		a.activity.SignIn = menu.Waiting
		a.tell(notify.Notice{Title: a.words.ClaudeSignsIn, Body: a.words.ClaudeSignsInBody})
	}
	o := session.SignInOptions{Method: session.ByBrowser, Account: account, Open: a.options.Open, Paste: pasted,
		Linger:    lateLimit,
		TermsSeen: a.termsSeen.Load,
		Instead:   func() { a.queue.post(func() { a.obey(notify.SignInWithClaude) }) }}
	if way == menu.ByCode {
		o.Method = session.ByPaste
	}
	tell := func(e session.Event) { a.queue.post(func() { a.follow(e) }) }
	a.quick.Go(func() {
		defer cancel()
		var s session.Status
		var err error
		if way == menu.ByClaude {
			s, err = a.throughClaude(session.Patient(ctx), o, pasted, tell)
		} else {
			s, err = a.engine.SignIn(session.Patient(ctx), o, tell)
		}
		a.queue.post(func() { a.endSignIn(s, err) })
	})
}

// throughClaude runs Claude Code's sign-in without a terminal: it opens its own page,
// and what the person copies from there is what they would have typed.
func (a *app) throughClaude(ctx context.Context, o session.SignInOptions, pasted <-chan string,
	tell func(session.Event)) (session.Status, error) {
	// Files, so that its end is not put off by whatever it started and left behind.
	in, out, err := os.Pipe()
	if err != nil {
		return session.Status{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.quick.Go(func() {
		defer out.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case line := <-pasted:
				if _, err := io.WriteString(out, strings.TrimSpace(line)+"\n"); err != nil {
					return
				}
			}
		}
	})
	defer in.Close()
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return session.Status{}, err
	}
	defer nowhere.Close()
	return a.engine.SignInWithClaude(ctx, o, session.Terminal{In: in, Out: nowhere}, tell)
}

// openPage opens the page that shows a code, and says what to do with it.
func (a *app) openPage(url string) {
	a.tellBefore(a.words.ShowsCode, a.words.ShowsCodeBody)
	if a.options.Open == nil {
		return
	}
	a.quick.Go(func() {
		if err := a.options.Open(a.ctx, url); err != nil {
			a.queue.post(func() { a.follow(session.Event{Kind: session.EventOpenFailed}) })
		}
	})
}

// openAgain opens the sign-in's page once more: the tab was closed, or it opened nowhere.
func (a *app) openAgain() {
	link := a.activity.Link
	if a.options.Open == nil {
		return
	}
	a.quick.Go(func() {
		if err := a.options.Open(a.ctx, link); err != nil {
			a.queue.post(func() { a.follow(session.Event{Kind: session.EventOpenFailed}) })
		}
	})
}

// pasteCode hands what is on the clipboard to the sign-in that waits.
func (a *app) pasteCode() {
	pasted := a.pasted
	a.quick.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, clickWait)
		defer cancel()
		text, err := a.options.paste(ctx)
		a.queue.post(func() {
			switch {
			case a.pasted != pasted || pasted == nil: // it has ended meanwhile
			case err != nil:
				a.tell(notify.Notice{Title: a.words.CopyFailed, Body: a.words.NoClipboardCommand})
			case strings.TrimSpace(text) == "":
				a.tell(notify.Notice{Title: a.words.CodeRefused, Body: a.words.CodeRefusedBody})
			default:
				select {
				case pasted <- menu.OneLine(text):
				default: // the one before has not been looked at
				}
			}
		})
	})
}

// follow takes a step of the sign-in into the menu.
func (a *app) follow(e session.Event) {
	if a.activity.SignIn == menu.NoSignIn || a.activity.SignIn == menu.Cancelling {
		return
	}
	switch e.Kind {
	case session.EventSignInURL:
		a.activity.Link = e.Value
		if len(a.before) > 0 {
			a.tellBefore(a.before[0].Title)
		}
	case session.EventPasteURL:
		// Without a link for the redirect there is no other way.
		if a.activity.Way == menu.ByCode || a.activity.Link == "" {
			a.activity.Way, a.activity.Link = menu.ByCode, e.Value
			a.openPage(e.Value)
		}
	case session.EventRefused:
		a.tell(notify.Notice{Title: a.words.CodeRefused, Body: a.words.CodeRefusedBody})
	case session.EventWaiting:
		a.activity.SignIn, a.activity.Until = menu.Waiting, a.wall().Add(e.Left)
	case session.EventFinishing:
		a.activity.SignIn = menu.Finishing
	case session.EventOpenFailed:
		a.tell(notify.Notice{Title: a.words.NoBrowser, Body: a.words.NoBrowserBody})
	case session.EventTerms:
		if a.welcomedAlready() {
			return
		}
		a.before = append(a.before, notify.Notice{Title: a.words.BeforeSignIn, Body: a.words.BeforeSignInBody})
	case session.EventStore:
		a.activity.Keep = e.Keep
		if e.Warn { // a plain file, since there is no keychain
			a.before = append(a.before, notify.Notice{Title: a.words.PlainFile, Body: a.words.PlainFileBody})
		}
	case session.EventNote:
		a.followNote(e)
	case session.EventClaudeCode:
		if e.Warn {
			a.asides = append(a.asides, a.words.MirrorFailed)
		}
	case session.EventPortMoved, session.EventCallback: // the terminal's
	case session.EventAlready, session.EventSignedIn, session.EventSaved, session.EventExpires, session.EventLoginEnds:
		// the menu's heading tells these
	}
}

// followNote takes what the engine tells beside the steps.
func (a *app) followNote(e session.Event) {
	w := a.words
	switch e.Note {
	case session.NoteServerWaits:
		a.tell(notify.Notice{Title: fmt.Sprintf(w.ServerWaits, w.Span(e.Left))})
	case session.NoteWhose:
		a.asides = append(a.asides, w.WhoseUnknown)
	case session.NoteFormerKept:
		a.asides = append(a.asides, w.FormerKept)
	case session.NoteUnusable:
		a.asides = append(a.asides, w.NotUsable)
	case session.NoteClaudeGoes:
		if len(a.before) > 0 {
			a.tellBefore(w.ClaudeSignsIn, w.ClaudeSignsInBody)
		}
	case session.NoteNoPort, session.NoteOverridden: // the menu offers to paste, and tells what overrides the entry
	case session.NoteValidity, session.NoteKeyMade, session.NoteFormerKey: // the menu asks for no such sign-in
	case session.NoteSignedInItself, session.NoteKeyNotKept: // of EventClaudeCode
	}
}

// tellBefore tells of a step together with what has to be said before a browser opens: a
// second notification would take the first one's place. Only what was really shown
// counts as said.
func (a *app) tellBefore(title string, lines ...string) {
	terms := false
	for _, n := range a.before {
		lines = append(lines, n.Body)
		terms = terms || n.Title == a.words.BeforeSignIn
	}
	a.before = nil
	n := notify.Notice{Title: title, Body: menu.Sentences(lines...)}
	a.show(n, func(err error) {
		switch {
		case err != nil:
			a.say(n)
		case terms:
			a.rememberWelcome()
		}
	})
}

func (a *app) endSignIn(s session.Status, err error) {
	cancelled := a.activity.SignIn == menu.Cancelling
	a.activity, a.pasted = menu.Activity{}, nil
	a.read()
	switch {
	case err == nil:
		a.status = s
		// A new login is a new story.
		a.remember(a.memory.Without(s.Account))
		a.tell(noticeSignedIn(a.words, s, a.asides))
	case cancelled || a.ctx.Err() != nil:
	default:
		a.fail(a.words.SignInFailed, err)
	}
}
