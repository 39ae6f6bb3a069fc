package tray

import (
	"time"

	"keytender/callback"
	"keytender/internal/language"
	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
	"keytender/tray/reminder"
)

// welcomed stands in the Memory for the note at the first start; no account can be
// called that.
const welcomed = "(welcome)"

const (
	welcomeLife = time.Hour       // of the first note, whose links somebody may follow late
	noteLife    = 2 * time.Minute // of a page that only tells
	askLife     = time.Hour       // of a page that waits for an answer
)

// present opens a page of ours in the browser; where that cannot be, the menu tells. seen is called on the loop when
// somebody's
// browser has fetched it.
func (a *app) present(s callback.Sheet, life time.Duration, seen func()) {
	unseen := func() {
		switch {
		case s.Ask != nil:
			a.say(notify.Notice{Title: a.words.NoBrowser})
		case s.Title != "":
			a.say(notify.Notice{Title: s.Title, Body: menu.Sentences(s.Lines...)})
		}
	}
	if a.options.Show == nil || a.options.Open == nil {
		unseen()
		return
	}
	a.quick.Go(func() {
		page, err := a.options.Show(a.ctx, s, life)
		if err != nil {
			a.log.Warn("a page could not be shown", "error", err)
			a.queue.post(unseen)
			return
		}
		if err := a.options.Open(a.ctx, page.URL); err != nil {
			a.log.Info("no browser opened for a page", "error", err)
			page.Close()
			a.queue.post(unseen)
			return
		}
		timer := time.NewTimer(life)
		defer timer.Stop()
		select {
		case <-page.Seen:
			a.queue.post(seen)
		case <-timer.C:
		case <-a.ctx.Done():
		}
	})
}

// welcome says once, before any browser opens for a sign-in, what this is, what the terms
// say, and which ways there are. It counts as said when it was seen.
func (a *app) welcome() {
	if a.greeted || a.status.State == "" {
		return
	}
	a.greeted = true
	switch {
	case a.welcomedAlready():
	case a.status.State == session.SignedIn || a.status.State == session.SignInAgain,
		a.status.Role == session.RoleWatch: // no first start
		a.rememberWelcome()
	case a.status.State == session.SignedOut && a.options.Show != nil && a.options.display():
		obey := func(d notify.Deed) func() { return func() { a.queue.post(func() { a.obey(d) }) } }
		ways := []callback.Way{{Name: "browser", Do: obey(notify.SignIn)},
			{Name: "claude", Do: obey(notify.SignInWithClaude)},
			{Name: "watch", Do: func() { a.queue.post(func() { a.setWatch(true) }) }}}
		a.present(callback.Sheet{Ways: ways}, welcomeLife, a.rememberWelcome)
	}
}

func (a *app) welcomedAlready() bool { return !a.memory[welcomed].At.IsZero() }

func (a *app) rememberWelcome() {
	a.termsSeen.Store(true)
	a.remember(a.memory.With(welcomed, reminder.Told{At: a.wall().UTC()}))
}

// inform tells what the person asked for, where no notification can be shown on a page.
func (a *app) inform(title string, lines ...string) {
	n := notify.Notice{Title: title, Body: menu.Sentences(lines...)}
	a.show(n, func(err error) {
		if err != nil {
			a.page(title, lines...)
		}
	})
}

// page tells what is too much for a notification.
func (a *app) page(title string, lines ...string) {
	a.present(callback.Sheet{Language: a.language(), Title: title, Lines: lines}, noteLife, func() {})
}

func (a *app) language() string { return language.Choose(a.options.languages...) }

// say has the menu tell what no notification could, until the next click.
func (a *app) say(n notify.Notice) { a.around.Said = menu.Sentences(n.Title, n.Body) }
