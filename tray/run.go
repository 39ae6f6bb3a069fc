package tray

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"keytender/callback"
	"keytender/internal/ending"
	"keytender/internal/session"
	"keytender/tray/autostart"
	"keytender/tray/clipboard"
	"keytender/tray/locale"
	"keytender/tray/menu"
	"keytender/tray/notify"
	"keytender/tray/toolkit"
)

// Options is what the program gives the app.
type Options struct {
	StateDir string // where the app's lock and notices.json lie
	// Open opens the browser for a sign-in.
	Open func(ctx context.Context, url string) error
	Log  *slog.Logger // nil: nothing is logged
	// Stderr gets the few lines of a start that shows no icon.
	Stderr io.Writer

	Version string
	LogPath string
	// Show serves a page of ours for Open to open; nil: no pages.
	Show func(ctx context.Context, s callback.Sheet, life time.Duration) (*callback.Showing, error)
	// OpenLog shows the log to the person.
	OpenLog func(ctx context.Context, path string) error
	// CopyToken puts the access token on the clipboard; clear takes it off again if it
	// is still there. nil: the menu does not offer it.
	CopyToken func(ctx context.Context) (clear func(context.Context) error, err error)

	// Seams for tests; nil means the real thing.
	now func() time.Time
	// languages are the person's, the first choice first.
	languages []string
	// atLogin starts the app with the session.
	atLogin  atLogin
	kit      toolkit.Kit
	notifier notify.Notifier
	copy     func(ctx context.Context, text string) error
	paste    func(ctx context.Context) (string, error)
	detect   func(context.Context) toolkit.Surface
	appears  func(context.Context) <-chan struct{}
	returns  func(context.Context) <-chan struct{}
	again    func() error
	replaced func() bool
	display  func() bool
}

// atLogin is the start with the person's session; *autostart.Entry is one.
type atLogin interface {
	State() (autostart.State, error)
	Set(on bool) error
	Mend() error
	// Changes reports that it may have changed; nil where that cannot be known.
	Changes(ctx context.Context) <-chan struct{}
}

func (o Options) withDefaults(ctx context.Context) Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.kit == nil {
		o.kit = toolkit.New()
	}
	if o.copy == nil {
		o.copy = clipboard.Copy
	}
	if o.paste == nil {
		o.paste = clipboard.Text
	}
	if o.languages == nil {
		o.languages = locale.Languages(ctx)
	}
	program, err := autostart.Program()
	if o.atLogin == nil && err == nil {
		o.atLogin = systemAtLogin(program)
	}
	if o.detect == nil {
		o.detect = toolkit.Detect
	}
	if o.appears == nil {
		o.appears = toolkit.Appears
	}
	if o.returns == nil {
		o.returns = toolkit.Returns
	}
	if o.display == nil {
		o.display = toolkit.Display
	}
	if o.again == nil {
		o.again = func() error { return startAgain(program) }
	}
	if o.replaced == nil {
		o.replaced = func() bool { return replaced(program) }
	}
	return o
}

// systemAtLogin is the system's own way; nil where there is none that we know.
func systemAtLogin(program string) atLogin {
	entry, err := autostart.New(program)
	if err != nil {
		return nil
	}
	return entry
}

// Run is the whole program. It blocks until the person quits or ctx ends, must be
// called on the main goroutine, and returns the exit code.
func Run(ctx context.Context, engine Engine, o Options) int {
	o = o.withDefaults(ctx)
	w := menu.In(o.languages...)
	if asRoot(os.Geteuid(), os.Getenv) {
		fmt.Fprintln(o.Stderr, w.NotAsRoot)
		return 1
	}
	ctx, stop := untilAsked(ctx)
	defer stop()
	found := o.detect(ctx)
	if found == toolkit.NoSession {
		fmt.Fprintln(o.Stderr, w.NoSession)
		return 1
	}
	release, err := session.HoldAlone(o.StateDir)
	if err != nil {
		fmt.Fprintf(o.Stderr, w.NoStateDir+"\n", plainly(err))
		return 1
	}
	if release == nil {
		fmt.Fprintln(o.Stderr, w.AlreadyRunning)
		return 0
	}
	defer release()

	var a *app
	if o.notifier == nil {
		o.notifier = notify.New(func(d notify.Deed) { a.queue.post(func() { a.obey(d) }) })
	}
	defer o.notifier.Close()
	a = newApp(ctx, engine, o)
	a.release = release
	a.start()
	a.live(found)
	a.wait()
	if a.expected.Load() && ctx.Err() == nil {
		a.outlive(ctx)
	}
	if a.again.Load() && ctx.Err() == nil {
		release()
		err := o.again()
		o.Log.Error("could not start again", "error", err)
		return 1
	}
	return 0
}

// outlive keeps the page of a cancelled sign-in for a browser that comes too late. Nothing
// else is left of the app by then, and whoever starts it gets a new one.
func (a *app) outlive(ctx context.Context) {
	timer := time.NewTimer(lateLimit)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // asked to end
	}
}

// untilAsked ends the context when somebody asks us to end.
func untilAsked(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	asked := make(chan os.Signal, 1)
	ending.Notify(asked)
	go func() {
		select {
		case <-asked:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(asked); cancel() }
}

// asRoot reports whether somebody became root for this: root's login would be kept,
// under root's home or, worse, as root's files under the person's own.
func asRoot(uid int, getenv func(string) string) bool {
	if uid != 0 {
		return false
	}
	for _, name := range []string{"SUDO_USER", "DOAS_USER", "PKEXEC_UID"} {
		if getenv(name) != "" {
			return true
		}
	}
	return false
}

// plainly is what the system said, without the call.
func plainly(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Path, path.Err)
	}
	return err
}

// live shows the menu while there is a place for it, until the end.
func (a *app) live(found toolkit.Surface) {
	kit := a.options.kit
	if kit == nil {
		fmt.Fprintln(a.options.Stderr, a.words.NoMenu)
		<-a.ctx.Done()
		return
	}
	if found != toolkit.MenuBar {
		said, late := a.words.NoPlace, time.AfterFunc(panelWait, func() { a.queue.post(a.tellNoIcon) })
		if found == toolkit.Refused {
			said = a.words.Refused
			late.Stop()
		}
		fmt.Fprintln(a.options.Stderr, said)
		// The panel may start after us.
		select {
		case <-a.ctx.Done():
			late.Stop()
			return
		case <-a.options.appears(a.ctx):
			late.Stop()
		}
	}
	if returned := a.options.returns(a.ctx); returned != nil {
		a.quick.Go(func() {
			for range returned {
				a.queue.post(func() { a.rejoin(kit) })
			}
		})
	}
	kit.Run(func() {
		a.showMenu(kit)
		// Not sooner: what is asked of a library that is still starting is lost. Not in the
		// middle of a drawing, whose rest one of the libraries complains of on stderr; but a
		// drawing that hangs keeps nobody.
		context.AfterFunc(a.ctx, func() {
			select {
			case <-a.drawn:
			case <-time.After(drawWait):
			}
			kit.Quit()
		})
	}, func() { a.wait() }) // the library may end by itself, with its display; without it we would be unseen
}

// drawWait is longer than one drawing takes.
const drawWait = 500 * time.Millisecond

// panelWait is longer than a panel takes that starts with the session, as we do.
const panelWait = time.Minute

// tellNoIcon says so where those see it who did not start the app by hand: once, not
// at each start.
func (a *app) tellNoIcon() {
	told := a.memory[noIcon]
	if a.canvas != nil || !told.At.IsZero() {
		return
	}
	told.At = a.wall().UTC()
	n := notify.Notice{Title: a.words.WithoutIcon, Body: a.words.WithoutIconBody}
	if a.status.State == session.SignedOut {
		n.Action = a.words.SignIn // there is no menu to do it from
	}
	a.show(n, func(err error) {
		if err == nil {
			a.remember(a.memory.With(noIcon, told))
		}
	})
}

// rejoin brings the icon back with the session bus that carries it, by a new start of
// the program where the library knows no other way.
func (a *app) rejoin(kit toolkit.Kit) {
	if kit.Rejoin() {
		a.log.Info("the session bus is back")
		return
	}
	a.log.Info("the session bus is back: starting again for the icon")
	a.returning = true
}
