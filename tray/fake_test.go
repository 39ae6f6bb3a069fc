package tray

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
	"keytender/tray/toolkit"
	"keytender/tray/traytest"
)

// fakeEngine answers at once unless a function says otherwise, and notes each call.
type fakeEngine struct {
	mu      sync.Mutex
	status  session.Status
	calls   []string
	report  func(string)
	changes chan struct{}
	allow   chan struct{}

	signIn   func(context.Context, session.SignInOptions, func(session.Event)) (session.Status, error)
	claude   func(context.Context, session.Terminal) (session.Status, error)
	renew    func(context.Context) error
	mirror   func(context.Context) (session.Said, error)
	setWatch error
	rename   error
	steps    []session.Step // of a sign-out
	watch    error
	first    bool   // nobody has signed in here before
	looks    int    // changes that reached Tend
	read     func() // before each Status
	hangs    bool   // Status does not answer before its context ends
	history  []session.Record
}

func newFakeEngine(s session.Status) *fakeEngine {
	return &fakeEngine{status: s, changes: make(chan struct{}, 1), allow: make(chan struct{})}
}

func (f *fakeEngine) note(format string, args ...any) {
	call := fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	if f.report != nil {
		f.report(call)
	}
}

func (f *fakeEngine) count(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (f *fakeEngine) set(s session.Status) {
	f.mu.Lock()
	f.status = s
	f.mu.Unlock()
	select {
	case f.changes <- struct{}{}:
	default:
	}
}

func (f *fakeEngine) Status(ctx context.Context) session.Status {
	f.mu.Lock()
	s, hangs := f.status, f.hangs
	if f.read != nil {
		f.read()
	}
	f.mu.Unlock()
	if hangs {
		<-ctx.Done()
	}
	return s
}

func (f *fakeEngine) SignIn(ctx context.Context, o session.SignInOptions, tell func(session.Event)) (session.Status,
	error) {
	f.note("SignIn")
	return f.signIn(ctx, o, tell)
}

func (f *fakeEngine) SignInWithClaude(ctx context.Context, o session.SignInOptions, t session.Terminal,
	tell func(session.Event)) (session.Status, error) {
	f.note("SignInWithClaude")
	return f.claude(ctx, t)
}

func (f *fakeEngine) Switch(_ context.Context, account string) (session.Said, error) {
	f.note("Switch %s", account)
	f.mu.Lock()
	f.status.Account, f.status.Email = account, account+"@example.com"
	f.mu.Unlock()
	return session.Said{Remark: session.RemarkInStep}, nil
}

func (f *fakeEngine) SetWatch(_ context.Context, on bool) error {
	f.note("SetWatch %v", on)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.Role = session.RoleTend
	if on {
		f.status.Role = session.RoleWatch
	}
	return f.setWatch
}

func (f *fakeEngine) Diagnosis(context.Context) string { return "ok login: FAKE diagnosis" }

func (f *fakeEngine) Renew(ctx context.Context, force bool) (session.Renewal, error) {
	f.note("Renew force=%v", force)
	if f.renew != nil {
		return session.Renewal{}, f.renew(ctx)
	}
	return session.Renewal{Done: true}, nil
}

func (f *fakeEngine) Mirror(ctx context.Context) (session.Said, error) {
	f.note("Mirror")
	if f.mirror != nil {
		return f.mirror(ctx)
	}
	return session.Said{Remark: session.RemarkInStep}, nil
}

func (f *fakeEngine) SetMirror(ctx context.Context, on bool) (session.Said, error) {
	f.note("SetMirror %v", on)
	f.mu.Lock()
	f.status.ClaudeCode.Mirror = on
	f.mu.Unlock()
	if !on {
		return session.Said{}, nil
	}
	return f.Mirror(ctx)
}

func (f *fakeEngine) SignOutOf(_ context.Context, account string, o session.SignOutOptions) ([]session.Step, error) {
	f.note("SignOutOf %s %+v", account, o)
	f.mu.Lock()
	active := f.status.Account
	f.mu.Unlock()
	if account == active {
		f.set(session.Status{State: session.SignedOut, Account: "default"})
	}
	return append(f.steps, session.Step{Said: session.Said{Remark: session.RemarkRemoved}}), nil
}

func (f *fakeEngine) RenameAccount(_ context.Context, from, to string) error {
	f.note("RenameAccount %s %s", from, to)
	return f.rename
}

func (f *fakeEngine) Why(context.Context) string { return "FAKE reason, in English" }

func (f *fakeEngine) Undo(context.Context) (session.Said, error) {
	f.note("Undo")
	return session.Said{Remark: session.RemarkBack}, nil
}

func (f *fakeEngine) ImportClaudeCode(_ context.Context, o session.ImportOptions) (session.Imported, error) {
	f.note("ImportClaudeCode %+v", o)
	return session.Imported{}, nil
}

func (f *fakeEngine) History() ([]session.Record, error) { return f.history, nil }

func (f *fakeEngine) Changes(context.Context) (<-chan struct{}, error) { return f.changes, f.watch }

func (f *fakeEngine) Tend(ctx context.Context, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			f.mu.Lock()
			f.looks++
			f.mu.Unlock()
		}
	}
}

// fakeKit is a tray library in memory with the habits of the real ones: any change
// shows a hidden line (getlantern), a click flips a check mark (GTK).
type fakeKit struct {
	mu         sync.Mutex
	lines      []*fakeLine
	icon       menu.IconState
	quit       chan struct{}
	quitOnce   sync.Once
	separators int
	changes    int
	rejoins    bool // it can
	rejoined   int
	exited     func() // called where a Mac's library ends the process
}

func newFakeKit() *fakeKit { return &fakeKit{quit: make(chan struct{})} }

func (k *fakeKit) Run(ready, exit func()) {
	go ready()
	<-k.quit
	exit()
	if k.exited != nil {
		k.exited()
	}
}
func (k *fakeKit) Quit()         { k.quitOnce.Do(func() { close(k.quit) }) }
func (k *fakeKit) AddSeparator() { k.separators++ }
func (k *fakeKit) Rejoin() bool  { k.rejoined++; return k.rejoins }
func (k *fakeKit) SetTooltip(string) {
}

func (k *fakeKit) SetIcon(s menu.IconState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.icon = s
}

func (k *fakeKit) AddLine(parent toolkit.Line, text string, checkable bool) toolkit.Line {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &fakeLine{kit: k, text: text, enabled: true, visible: true, checkable: checkable,
		clicks: make(chan struct{}, 64)}
	l.parent, _ = parent.(*fakeLine)
	if l.parent != nil && !l.parent.visible {
		panic("a line under a hidden one: getlantern on Windows does not make it")
	}
	k.lines = append(k.lines, l)
	return l
}

// menu is what a person sees.
func (k *fakeKit) menu() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var b strings.Builder
	for _, l := range k.lines {
		if l.visible && (l.parent == nil || l.parent.visible) {
			b.WriteString(render(menu.Item{Label: l.text, Enabled: l.enabled, Checked: l.checked}) + "\n")
		}
	}
	return b.String()
}

func (k *fakeKit) click(id menu.ID) {
	k.mu.Lock()
	l := k.lines[id]
	if l.checkable {
		l.checked = !l.checked
	}
	k.mu.Unlock()
	l.clicks <- struct{}{}
}

type fakeLine struct {
	parent                               *fakeLine
	kit                                  *fakeKit
	text                                 string
	enabled, checked, visible, checkable bool
	clicks                               chan struct{}
}

func (l *fakeLine) change(what string, f func()) {
	l.kit.mu.Lock()
	defer l.kit.mu.Unlock()
	l.kit.changes++
	f()
	if what == "Hide" {
		return
	}
	l.visible = true
}

func (l *fakeLine) SetTitle(text string)    { l.change("SetTitle", func() { l.text = text }) }
func (l *fakeLine) Enable()                 { l.change("Enable", func() { l.enabled = true }) }
func (l *fakeLine) Disable()                { l.change("Disable", func() { l.enabled = false }) }
func (l *fakeLine) Check()                  { l.change("Check", func() { l.checked = true }) }
func (l *fakeLine) Uncheck()                { l.change("Uncheck", func() { l.checked = false }) }
func (l *fakeLine) Show()                   { l.change("Show", func() {}) }
func (l *fakeLine) Hide()                   { l.change("Hide", func() { l.visible = false }) }
func (l *fakeLine) Clicks() <-chan struct{} { return l.clicks }

// fakeNotifier keeps what was shown.
type fakeNotifier struct {
	mu    sync.Mutex
	told  []notify.Notice
	tries int
	err   error
	block bool
}

func (f *fakeNotifier) Notify(ctx context.Context, n notify.Notice) error {
	f.mu.Lock()
	f.tries++
	err, block := f.err, f.block
	if err == nil && !block {
		f.told = append(f.told, n)
	}
	f.mu.Unlock()
	if block {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (f *fakeNotifier) Close() error { return nil }

func (f *fakeNotifier) titles() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.told {
		all = append(all, n.Title)
	}
	return slices.Clone(all)
}

func render(i menu.Item) string { return traytest.Row(i.Label, i.Enabled, i.Checked) }
