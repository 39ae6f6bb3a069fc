package tray

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"keytender/internal/session"
)

// Times of the app's own life.
const (
	tickEvery    = 15 * time.Second // how often the menu's times are brought up to date
	readEvery    = time.Minute      // how often the status is read although nothing changed
	sleepGap     = 2 * tickEvery    // a longer gap between two ticks: the computer slept
	noticeWait   = 5 * time.Second  // for showing one notification
	noticeRetry  = 15 * time.Minute // before a notification that failed is tried again
	clickWait    = 5 * time.Second  // for the clipboard
	quitWait     = 1500 * time.Millisecond
	quitPatience = 30 * time.Second // for a renewal that was sent: its answer is the login
)

// app is the whole program's state. Everything below "owned by the loop" is touched
// by the loop's goroutine alone; all others send it work through the queue. No call
// that may wait runs on the loop, so the menu never hangs.
type app struct {
	engine   Engine
	options  Options
	notifier notifier
	log      *slog.Logger
	now      func() time.Time

	ctx  context.Context // ends when the person quits
	quit context.CancelFunc

	queue   *queue
	changed chan struct{} // passes changes on to Tend
	// quick are calls that end soon after ctx; patient ones may have a renewal under
	// way that must be stored first.
	quick, patient sync.WaitGroup

	// Owned by the loop.
	canvas       *canvas // nil: no menu (yet)
	status       session.Status
	reading      bool // a Status call is under way
	readAgain    bool // something changed meanwhile
	lastRead     time.Time
	lastTick     time.Time
	activity     Activity
	cancelSignIn context.CancelFunc
	memory       Memory
	telling      bool // a notification from Decide is under way
	quietUntil   time.Time
}

func newApp(ctx context.Context, engine Engine, o Options) *app {
	a := &app{engine: engine, options: o, notifier: o.notifier, log: o.Log, now: o.Now, queue: newQueue(), changed: make(chan struct{}, 1), memory: loadMemory(o.StateDir)}
	a.ctx, a.quit = context.WithCancel(ctx)
	return a
}

// start begins the background work; the menu may come later or never.
func (a *app) start() {
	changes, err := a.engine.Changes(a.ctx)
	if err != nil {
		// The status is still read once a minute.
		a.log.Warn("changes on disk are not seen at once", "error", err)
	}
	a.patient.Go(func() { a.engine.Tend(a.ctx, a.changed) })
	a.quick.Go(func() { a.loop(changes) })
}

// wait lets everything end, and reports whether it did.
func (a *app) wait() bool {
	a.quit()
	quick := endsWithin(&a.quick, quitWait)
	return endsWithin(&a.patient, quitPatience) && quick
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
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	a.lastTick = a.wall()
	a.read()
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
			select {
			case a.changed <- struct{}{}:
			default: // it has not even looked at the one before
			}
			a.read()
		case <-tick.C:
			a.tick()
		}
		a.draw()
	}
}

// wall is the time without its monotonic reading, which stands still while a laptop
// sleeps.
func (a *app) wall() time.Time { return a.now().Round(0) }

func (a *app) tick() {
	now := a.wall()
	slept := now.Sub(a.lastTick) > sleepGap
	a.lastTick = now
	if slept || now.Sub(a.lastRead) >= readEvery || now.Before(a.lastRead) {
		a.read()
	}
	a.decide()
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
		s := a.engine.Status(a.ctx)
		a.queue.post(func() {
			a.reading = false
			if s.State != a.status.State {
				a.activity.Failed = nil // what failed is history
			}
			a.status = s
			a.decide()
			if a.readAgain {
				a.read()
			}
		})
	})
}

func (a *app) view() ([]Item, IconState, string) {
	now := a.wall()
	icon := StateOf(a.status, a.activity, now)
	return Menu(a.status, a.activity, now), icon, textTooltip(icon, a.status)
}

func (a *app) draw() {
	if a.canvas != nil {
		a.canvas.draw(a.view())
	}
}

// showMenu builds the menu on kit. It runs on the toolkit's goroutine and returns
// when the loop has taken the menu over.
func (a *app) showMenu(kit toolkit) {
	built := make(chan struct{})
	a.queue.post(func() {
		defer close(built)
		items, icon, tip := a.view()
		a.canvas = newCanvas(kit, items, icon, tip)
		for id, l := range a.canvas.lines {
			a.quick.Go(func() { a.listen(ID(id), l.Clicks()) })
		}
	})
	select {
	case <-built:
	case <-a.ctx.Done():
	}
}

// listen hands a line's clicks over at once.
func (a *app) listen(id ID, clicks <-chan struct{}) {
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
func (a *app) click(id ID) {
	if a.canvas != nil && slots[id].checkable {
		a.canvas.touch(id)
	}
	if !a.offered(id) {
		return
	}
	switch id {
	case ItemSignIn:
		a.signIn()
	case ItemCancel:
		a.activity.SignIn = Cancelling
		a.cancelSignIn()
	case ItemCopyLink:
		a.copyLink(a.activity.Link)
	case ItemRenew:
		a.renew()
	case ItemMirror:
		a.setMirror(!a.status.ClaudeCode.Mirror)
	case ItemMirrorNow:
		a.mirror()
	case ItemSignOutHere:
		a.signOut(session.SignOutOptions{KeepClaudeCode: true})
	case ItemSignOutBoth:
		a.signOut(session.SignOutOptions{})
	case ItemQuit:
		a.quit()
	}
}

func (a *app) offered(id ID) bool {
	items, _, _ := a.view()
	for _, item := range items {
		if item.ID == id {
			return item.Enabled
		}
	}
	return false
}

// signIn starts a sign-in unless something is under way already.
func (a *app) signIn() {
	if a.activity.busy() {
		return
	}
	ctx, cancel := context.WithCancel(a.ctx)
	a.cancelSignIn = cancel
	a.activity = Activity{SignIn: Opening}
	a.quick.Go(func() {
		defer cancel()
		s, err := a.engine.SignIn(session.Patient(ctx), session.SignInOptions{Method: "browser", Open: a.options.Open},
			func(e session.Event) { a.queue.post(func() { a.follow(e) }) })
		a.queue.post(func() { a.endSignIn(s, err) })
	})
}

// follow takes a step of the sign-in into the menu.
func (a *app) follow(e session.Event) {
	if a.activity.SignIn == NoSignIn || a.activity.SignIn == Cancelling {
		return
	}
	switch e.Kind {
	case session.EventSignInURL:
		a.activity.Link = e.Value
	case session.EventWaiting:
		a.activity.SignIn, a.activity.Until = Waiting, a.wall().Add(e.Left)
	case session.EventFinishing:
		a.activity.SignIn = Finishing
	case session.EventOpenFailed:
		a.tell(Notice{Title: titleNoBrowser, Body: textNoBrowser})
	}
}

func (a *app) endSignIn(s session.Status, err error) {
	cancelled := a.activity.SignIn == Cancelling
	a.activity = Activity{}
	a.read()
	switch {
	case err == nil:
		a.status = s
		// A new login is a new story.
		a.remember(a.memory.without(s.Account))
		a.tell(noticeSignedIn(s))
	case cancelled || a.ctx.Err() != nil:
	default:
		a.fail(titleSignInFailed, err)
	}
}

func (a *app) renew() {
	a.activity = Activity{Renewing: true}
	a.patient.Go(func() {
		_, err := a.engine.Renew(session.Patient(a.ctx), true)
		a.queue.post(func() { a.ended(titleRenewFailed, err) })
	})
}

func (a *app) setMirror(on bool) {
	a.activity = Activity{Mirroring: true}
	a.quick.Go(func() {
		said, err := a.engine.SetMirror(session.Patient(a.ctx), on)
		a.queue.post(func() { a.mirrored(said, err) })
	})
}

func (a *app) mirror() {
	a.activity = Activity{Mirroring: true}
	a.quick.Go(func() {
		said, err := a.engine.Mirror(session.Patient(a.ctx))
		a.queue.post(func() { a.mirrored(said, err) })
	})
}

func (a *app) mirrored(said string, err error) {
	a.ended(titleMirrorFailed, err)
	if err == nil && said != "" {
		a.tell(Notice{Title: titleMirrored, Body: sentences(said)})
	}
}

func (a *app) signOut(o session.SignOutOptions) {
	a.activity = Activity{Leaving: true}
	a.quick.Go(func() {
		said, err := a.engine.SignOut(session.Patient(a.ctx), o)
		a.queue.post(func() {
			a.ended(titleSignOutFailed, err)
			if err == nil {
				a.tell(Notice{Title: titleSignedOut, Body: sentences(said...)})
			}
		})
	})
}

// ended closes a click's work: the status is read anew, and what went wrong shows.
func (a *app) ended(title string, err error) {
	a.activity = Activity{}
	a.read()
	if err != nil && a.ctx.Err() == nil {
		a.fail(title, err)
	}
}

func (a *app) fail(title string, err error) {
	p := problemOf(err)
	a.log.Warn(title, "code", p.Code)
	a.activity.Failed = &p
	a.tell(noticeFailed(title, p))
}

// problemOf puts an error in words for the person. An error that was not written
// for people keeps its text to itself: it may hold what nobody should see.
func problemOf(err error) session.Problem {
	var known *session.Error
	if errors.As(err, &known) {
		return session.Problem{Code: known.Code, Message: known.Message, Hint: known.Hint}
	}
	return session.Problem{Code: "failed", Message: textUnexpected, Hint: textUnexpectedHint}
}

// copyLink puts the sign-in's link on the clipboard, for another browser than the
// one that opened.
func (a *app) copyLink(link string) {
	a.quick.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, clickWait)
		defer cancel()
		err := a.options.copy(ctx, link)
		a.queue.post(func() {
			if err != nil {
				a.tell(Notice{Title: titleNoClipboard, Body: textNoClipboard(link)})
				return
			}
			a.tell(Notice{Title: titleLinkCopied, Body: textLinkCopied})
		})
	})
}

// tell shows a notification that answers a click; when it cannot be shown, the menu
// still tells.
func (a *app) tell(n Notice) { a.show(n, func(error) {}) }

func (a *app) show(n Notice, done func(error)) {
	a.quick.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, noticeWait)
		defer cancel()
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
	if a.telling || a.activity.SignIn != NoSignIn || now.Before(a.quietUntil) {
		return
	}
	n, memory := Decide(a.status, a.memory, now)
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
func (a *app) remember(m Memory) {
	if maps.Equal(m, a.memory) {
		return
	}
	a.memory = m
	if err := saveMemory(a.options.StateDir, m); err != nil {
		a.log.Warn("what was notified could not be written down", "error", err)
	}
}
