package tray

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
	"keytender/tray/reminder"
	"keytender/tray/toolkit"
)

// Times of the app's own life.
const (
	tickEvery       = time.Minute      // how often the menu's times are brought up to date
	tickWaiting     = 30 * time.Second // the same while a sign-in tells how much time is left
	readEvery       = time.Minute      // how often the status is read although nothing changed
	readAnyway      = 4 * readEvery    // the same where changes are reported: what remains is a keychain that was locked
	sleepGap        = 2 * tickEvery    // a longer gap between two ticks: the computer slept
	noticeWait      = 5 * time.Second  // for showing one notification
	noticeRetry     = 15 * time.Minute // before a notification that failed is tried again
	clickWait       = 5 * time.Second  // for the clipboard
	diagnoseWait    = 20 * time.Second
	lateLimit       = 2 * time.Minute // in which a browser that comes too late is told so
	tokenLife       = time.Minute     // of a copied token on the clipboard
	clearWait       = time.Second     // for taking it off again
	quitWait        = 1500 * time.Millisecond
	patientQuitWait = 30 * time.Second // for a renewal that was sent: its response is the login
)

// app is the whole program's state. Everything below "owned by the loop" is touched
// by the loop's goroutine alone; all others send it work through the queue. No call
// that may wait runs on the loop, so the menu never hangs.
type app struct {
	engine   Engine
	options  Options
	notifier notify.Notifier
	log      *slog.Logger
	now      func() time.Time
	words    *menu.Words

	ctx   context.Context // ends when the person quits
	quit  context.CancelFunc
	drawn chan struct{} // closed behind the last drawing

	termsSeen atomic.Bool // somebody saw what the terms say

	release func()      // gives up being the one app; nil: nothing to give up
	again   atomic.Bool // the end is to make room for a new start
	// expected: a browser may still come back from the sign-in that the end cancelled.
	expected atomic.Bool

	queue   *queue
	changed chan struct{} // passes changes on to Tend
	// quick are calls that end soon after ctx; patient ones may have a renewal under
	// way that must be stored first.
	quick, patient sync.WaitGroup
	wait           func() bool // letEnd, once

	// Owned by the loop.
	canvas       *toolkit.Canvas // nil: no menu (yet)
	status       session.Status
	drew         session.Status // what the menu on the screen was drawn from
	reading      bool           // a Status call is under way
	readAgain    bool           // something changed meanwhile
	lastRead     time.Time
	lastTick     time.Time
	activity     menu.Activity
	cancelSignIn context.CancelFunc
	before       []notify.Notice // what has to be said before the browser opens
	asides       []string        // what the sign-in says beside its outcome
	pasted       chan<- string
	around       menu.Around
	memory       reminder.Memory
	greeted      bool // at the first start
	telling      bool // a notification from Decide is under way
	quietUntil   time.Time
	returning    bool // a new start is needed, once nothing is under way
}

func newApp(ctx context.Context, engine Engine, o Options) *app {
	a := &app{engine: engine, options: o, notifier: o.notifier, log: o.Log, now: o.now, words: menu.In(o.languages...),
		queue: newQueue(), drawn: make(chan struct{}), changed: make(chan struct{}, 1),
		memory: reminder.Load(o.StateDir)}
	a.ctx, a.quit = context.WithCancel(ctx)
	a.termsSeen.Store(a.welcomedAlready())
	a.wait = sync.OnceValue(a.letEnd)
	home, _ := os.UserHomeDir() // without it, whole paths are shown
	a.around = menu.Around{Home: home, Version: o.Version, CanStart: o.atLogin != nil, CopyToken: o.CopyToken != nil}
	return a
}

// start begins the background work; the menu may come later or never.
func (a *app) start() {
	changes, err := a.engine.Changes(a.ctx)
	if err != nil {
		// The status is still read once a minute, and the menu says so.
		a.log.Warn("changes on disk are not seen at once", "error", err)
		a.around.Unwatched = true
	}
	if a.options.atLogin != nil {
		if changed := a.options.atLogin.Changes(a.ctx); changed != nil {
			a.quick.Go(func() {
				for range changed {
					a.queue.post(a.read)
				}
			})
		}
		a.quick.Go(func() {
			if err := a.options.atLogin.Mend(); err != nil {
				a.log.Warn("start at login cannot be read", "error", err)
			}
		})
	}
	a.patient.Go(func() { a.engine.Tend(a.ctx, a.changed) })
	a.quick.Go(func() { defer close(a.drawn); a.loop(changes) })
}

// letEnd quits, lets everything end that is under way, and reports whether it did.
func (a *app) letEnd() bool {
	a.quit()
	quick := endsWithin(&a.quick, quitWait)
	if a.release != nil {
		// A renewal that a silent server holds up may take half a minute more. It is the
		// engine's lock that guards it, so whoever starts the app again gets an icon.
		a.release()
	}
	ended := endsWithin(&a.patient, patientQuitWait) && quick
	if !ended {
		a.log.Warn("ended while something was still under way")
	}
	return ended
}

func endsWithin(g *sync.WaitGroup, limit time.Duration) bool {
	ended := make(chan struct{})
	go func() { g.Wait(); close(ended) }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

func (a *app) loop(changes <-chan struct{}) {
	tick := time.NewTimer(a.untilTick())
	defer tick.Stop()
	a.lastTick = a.wall()
	a.read()
	signsIn := false
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-a.queue.wake:
			for _, work := range a.queue.take() {
				work()
			}
		case _, ok := <-changes:
			if !ok {
				changes = nil
				continue
			}
			a.passOn()
			a.read()
		case <-tick.C:
			a.tick()
			tick.Reset(a.untilTick())
		}
		if signsIn != (a.activity.SignIn != menu.NoSignIn) {
			signsIn = !signsIn
			tick.Reset(a.untilTick())
		}
		switch {
		case a.ctx.Err() != nil: // the toolkit is going
		case a.returning && !a.activity.Busy():
			a.again.Store(true)
			a.quit()
		default:
			a.draw()
		}
	}
}

// untilTick ends with a minute of the clock, as the engine's looks do: one wake-up serves
// all of them.
func (a *app) untilTick() time.Duration {
	every := tickEvery
	if a.activity.SignIn != menu.NoSignIn {
		every = tickWaiting
	}
	now := a.wall()
	return now.Truncate(every).Add(every).Sub(now)
}

// wall is the time without its monotonic reading, which stands still while a laptop
// sleeps.
func (a *app) wall() time.Time { return a.now().Round(0) }

func (a *app) tick() {
	now := a.wall()
	slept := now.Sub(a.lastTick) > sleepGap
	a.lastTick = now
	every := readAnyway
	if a.around.Unwatched {
		every = readEvery
	}
	if slept || now.Sub(a.lastRead) >= every || now.Before(a.lastRead) {
		if a.around.Unwatched {
			a.passOn()
		}
		a.read()
	}
	a.decide()
}

// passOn tells Tend that something may have changed.
func (a *app) passOn() {
	select {
	case a.changed <- struct{}{}:
	default: // it has not even looked at the one before
	}
}

// read fetches the status, one call at a time.
func (a *app) read() {
	if a.reading {
		a.readAgain = true
		return
	}
	a.reading, a.readAgain = true, false
	a.lastRead = a.wall()
	a.quick.Go(func() {
		s, starts := a.engine.Status(a.ctx), a.startsAtLogin()
		events, err := a.engine.History()
		if err != nil {
			a.log.Warn("the history cannot be read", "error", err)
		}
		a.queue.post(func() {
			a.reading = false
			a.around.Starts, a.around.Events = starts, events
			if s.State != a.status.State {
				a.activity.Failed = nil // what failed is history
			}
			a.status = s
			a.welcome()
			if p := s.Problem; p != nil && p.Code == session.CodeLaterVersion && a.options.replaced() {
				a.returning = true // as what the update brought, which can read it
			} else {
				a.decide()
			}
			if a.readAgain {
				a.read()
			}
		})
	})
}

func (a *app) view() ([]menu.Item, menu.IconState, string) {
	now := a.wall()
	icon := menu.StateOf(a.status, a.activity, now)
	return menu.Menu(a.words, a.status, a.activity, a.around, now), icon, a.words.Tooltip(icon, a.status)
}

func (a *app) draw() {
	if a.canvas != nil {
		a.canvas.Draw(a.view())
		a.drew = a.status
	}
}

// showMenu builds the menu on kit. It runs on the toolkit's goroutine and returns
// when the loop has taken the menu over.
func (a *app) showMenu(kit toolkit.Kit) {
	built := make(chan struct{})
	a.queue.post(func() {
		defer close(built)
		items, icon, tip := a.view()
		a.canvas, a.drew = toolkit.NewCanvas(kit, items, icon, tip), a.status
		for id, l := range a.canvas.Lines {
			a.quick.Go(func() { a.listen(menu.ID(id), l.Clicks()) })
		}
	})
	select {
	case <-built:
	case <-a.ctx.Done():
	}
}

// listen hands a line's clicks over at once.
func (a *app) listen(id menu.ID, clicks <-chan struct{}) {
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-clicks:
			a.queue.post(func() { a.click(id) })
		}
	}
}

// click does what a line stands for, if the menu still offers it: the person may
// have clicked what was on the screen a moment ago.
func (a *app) click(id menu.ID) {
	if a.canvas != nil && menu.Slots[id].Checkable {
		a.canvas.Touch(id)
	}
	if !a.offered(id) {
		return
	}
	a.around.Said = ""
	switch {
	case within(id, menu.ItemEvent, menu.ItemLastEvent):
		a.showStatus() // how it stands since then
	case within(id, menu.ItemAccount, menu.ItemLastAccount):
		a.switchTo(a.accountAt(id - menu.ItemAccount))
	case within(id, menu.ItemRenameAccount, menu.ItemLastRenameAccount):
		a.renameAccount(a.accountAt(id - menu.ItemRenameAccount))
	case within(id, menu.ItemRemoveAccount, menu.ItemLastRemoveAccount):
		a.removeAccount(a.accountAt(id - menu.ItemRemoveAccount))
	case within(id, menu.ItemLentPlace, menu.ItemLastLentPlace):
		a.showLent(a.drew.Lent()[id-menu.ItemLentPlace])
	default:
		a.do(id)
	}
}

// accountAt is the account whose line stands there on the screen: another one may stand there
// in what has been read since.
func (a *app) accountAt(line menu.ID) string { return menu.Accounts(a.drew)[line] }

func within(id, first, last menu.ID) bool { return first <= id && id <= last }

// do is click for the lines that are no list.
func (a *app) do(id menu.ID) {
	switch id {
	case menu.ItemSignIn:
		a.signIn()
	case menu.ItemWithCode:
		a.signInBy(menu.ByCode, "")
	case menu.ItemWithClaude, menu.ItemInstead:
		a.signInBy(menu.ByClaude, "")
	case menu.ItemAddWithCode:
		a.signInBy(menu.ByCode, "")
	case menu.ItemAddWithClaude:
		a.signInBy(menu.ByClaude, "")
	case menu.ItemOpenAgain:
		a.openAgain()
	case menu.ItemPutBack:
		a.putBack()
	case menu.ItemUnlock:
		a.unlock()
	case menu.ItemTakeOver:
		a.takeOver()
	case menu.ItemAddAccount:
		a.signInBy(menu.ByBrowser, "") // the account is that of the person who signs in
	case menu.ItemPasteCode:
		a.pasteCode()
	case menu.ItemCancel:
		a.activity.SignIn = menu.Cancelling
		a.cancelSignIn()
	case menu.ItemCopyLink:
		a.copyLink(a.activity.Link)
	case menu.ItemRenew:
		a.renew()
	case menu.ItemMirror:
		a.setMirror(!a.status.ClaudeCode.Mirror)
	case menu.ItemMirrorNow:
		a.mirror()
	case menu.ItemSignOutHere:
		a.signOut(session.SignOutOptions{KeepClaudeCode: true})
	case menu.ItemSignOutBoth:
		a.signOut(session.SignOutOptions{})
	case menu.ItemSignOutRevoke:
		a.signOut(session.SignOutOptions{Revoke: true})
	case menu.ItemCopyToken:
		a.copyToken()
	case menu.ItemWatch:
		a.setWatch(false)
	case menu.ItemStartAtLogin:
		a.startAtLogin(!a.around.Starts)
	case menu.ItemShowStatus:
		a.showStatus()
	case menu.ItemWrong:
		a.showWrong()
	case menu.ItemShowLog:
		a.showLog()
	case menu.ItemCopyDiagnosis:
		a.copyDiagnosis()
	case menu.ItemAbout:
		a.inform(fmt.Sprintf(a.words.AboutTitle, a.options.Version), a.words.AboutBody)
	case menu.ItemQuit:
		a.expected.Store(a.activity.SignIn == menu.Waiting && a.activity.Way == menu.ByBrowser)
		a.quit()

	// These tell something, or hold what is done in their submenus.
	case menu.ItemWho, menu.ItemClocks, menu.ItemEntry, menu.ItemKept, menu.ItemUnwatched, menu.ItemProblem,
		menu.ItemProblem2, menu.ItemHint, menu.ItemHint2, menu.ItemHint3, menu.ItemSaid, menu.ItemSaid2,
		menu.ItemSaid3, menu.ItemSaid4, menu.ItemSaid5, menu.ItemSaid6, menu.ItemMoreAccounts, menu.ItemMoreLent:
	case menu.ItemOtherWays, menu.ItemAccounts, menu.ItemRename, menu.ItemRemove, menu.ItemLent, menu.ItemSignOut,
		menu.ItemHappened, menu.ItemHelp:

	// The lists are done already, and the count is no line.
	case menu.ItemAccount, menu.ItemLastAccount, menu.ItemRenameAccount, menu.ItemLastRenameAccount,
		menu.ItemRemoveAccount, menu.ItemLastRemoveAccount, menu.ItemLentPlace, menu.ItemLastLentPlace,
		menu.ItemEvent, menu.ItemLastEvent, menu.Count:
	}
}

// offered reports whether the menu offers the line still, and did on the screen.
func (a *app) offered(id menu.ID) bool {
	now, _, _ := a.view()
	return enables(now, id) && enables(menu.Menu(a.words, a.drew, a.activity, a.around, a.wall()), id)
}

func enables(items []menu.Item, id menu.ID) bool {
	return slices.ContainsFunc(items, func(item menu.Item) bool { return item.ID == id && item.Enabled })
}

func (a *app) renew() {
	a.activity = menu.Activity{Renewing: true}
	a.patient.Go(func() {
		_, err := a.engine.Renew(session.Patient(a.ctx), true)
		a.queue.post(func() { a.ended(a.words.RenewFailed, err) })
	})
}

func (a *app) setMirror(on bool) {
	a.activity = menu.Activity{Mirroring: true}
	a.quick.Go(func() {
		said, err := a.engine.SetMirror(session.Patient(a.ctx), on)
		a.queue.post(func() { a.mirrored(said, err) })
	})
}

func (a *app) mirror() {
	a.activity = menu.Activity{Mirroring: true}
	a.quick.Go(func() {
		said, err := a.engine.Mirror(session.Patient(a.ctx))
		a.queue.post(func() { a.mirrored(said, err) })
	})
}

func (a *app) mirrored(said session.Said, err error) {
	a.ended(a.words.MirrorFailed, err)
	if err == nil && said.Remark != "" { // turning the mirror off writes nothing
		a.tell(notify.Notice{Title: a.words.DoneMirrored})
	}
}

// signOut signs out of the account that the menu shows. Another one may be the active one by
// now: the command line has switched, and the status was not read yet.
func (a *app) signOut(o session.SignOutOptions) {
	account := a.drew.Account
	a.activity = menu.Activity{Leaving: true}
	a.quick.Go(func() {
		steps, err := a.engine.SignOutOf(session.Patient(a.ctx), account, o)
		var said []string
		if o.Revoke && slices.ContainsFunc(steps, func(s session.Step) bool { return s.Undone }) {
			said = append(said, a.words.RevokeFailed)
		}
		a.queue.post(func() {
			a.ended(a.words.SignOutFailed, err)
			if err == nil {
				a.tell(notify.Notice{Title: a.words.DoneSignedOut, Body: menu.Sentences(said...)})
			}
		})
	})
}

// ended closes a click's work: the status is read anew, and what went wrong shows.
func (a *app) ended(title string, err error) {
	a.activity = menu.Activity{}
	a.read()
	if err != nil && a.ctx.Err() == nil {
		a.fail(title, err)
	}
}

func (a *app) fail(title string, err error) {
	p := problemOf(a.words, err)
	a.log.Warn("a click could not be obeyed", "code", p.Code)
	a.activity.Failed = &p
	n := noticeFailed(a.words, title, p)
	if p.Refused() {
		n = noticeRefused(a.words, title, p)
	}
	a.show(n, func(error) {}) // the menu tells it anyway
}

// tell shows a notification that answers a click; when it cannot be shown, the menu
// still tells.
func (a *app) tell(n notify.Notice) {
	a.show(n, func(err error) {
		if err != nil {
			a.say(n)
		}
	})
}

func (a *app) show(n notify.Notice, done func(error)) {
	a.quick.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, noticeWait)
		defer cancel()
		n.Title, n.Body = menu.Valid(n.Title), menu.Valid(n.Body)
		err := a.notifier.Notify(ctx, n)
		a.queue.post(func() {
			if err != nil {
				a.log.Info("no notification could be shown", "title", n.Title, "error", err)
			}
			done(err)
		})
	})
}

// decide tells what the login's own clock or trouble calls for. What could not be
// shown is not remembered as told, and is tried again later, not at once.
func (a *app) decide() {
	now := a.wall()
	if a.telling || a.activity.SignIn != menu.NoSignIn || now.Before(a.quietUntil) {
		return
	}
	n, memory := decide(a.words, a.status, a.memory, now)
	if n == nil {
		a.remember(memory)
		return
	}
	a.telling = true
	a.show(*n, func(err error) {
		a.telling = false
		if err != nil {
			a.quietUntil = a.wall().Add(noticeRetry)
			return
		}
		a.remember(memory)
	})
}

// remember keeps what was told, on disk too.
func (a *app) remember(m reminder.Memory) {
	if m.Equal(a.memory) {
		return
	}
	a.memory = m
	if err := reminder.Save(a.options.StateDir, m); err != nil {
		a.log.Warn("what was notified could not be written down", "error", err)
	}
}
