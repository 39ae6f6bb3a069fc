package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"keytender/internal/bounded"
	"keytender/internal/config"
	"keytender/internal/ledger"
	"keytender/internal/pattern"
	"keytender/internal/program"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// claudeProgram is the official client as it is installed here. It is asked to end
// and never killed: killed in the middle of a renewal it leaves its locks behind and
// loses the rotated token.
type claudeProgram struct {
	path    string
	version string
	dir     string // where it is started; empty: here
	engine  *Engine
}

// oldestClaude is the first version with `claude auth`. To the ones before it
// `claude auth login` is a prompt, which would be answered at the person's cost.
var oldestClaude = [3]int{2, 1, 88}

// ClaudeLimits bound the calls to the official client. Tests shorten them.
var ClaudeLimits = struct {
	Version  time.Duration
	Who      time.Duration // of `claude auth status`, which may renew over the network
	EndGrace time.Duration // from SIGTERM until we go on without it
}{20 * time.Second, time.Minute, 10 * time.Second}

// cancelGrace keeps within the second in which a cancelled command must end.
const cancelGrace = 800 * time.Millisecond

// ClaudePlaces are where the client's installers put it; ~ is the home folder. What a
// desktop or launchd starts has a PATH that lacks them. Tests empty it.
var ClaudePlaces = claudePlaces(runtime.GOOS)

func claudePlaces(goos string) []string {
	if goos == "windows" {
		return []string{"~/.local/bin/claude.exe"}
	}
	return []string{"~/.local/bin/claude", "~/.claude/local/claude", "/opt/homebrew/bin/claude",
		"/usr/local/bin/claude"}
}

// lookForClaude returns where the client is: what the PATH finds counts first.
func lookForClaude() (string, error) {
	path, err := exec.LookPath("claude")
	if err == nil {
		return path, nil
	}
	home, _ := config.Home()
	for _, place := range ClaudePlaces {
		if below, ok := strings.CutPrefix(place, "~/"); ok {
			place = filepath.Join(home, filepath.FromSlash(below))
		}
		if info, err := os.Stat(place); err != nil || !info.Mode().IsRegular() || !filepath.IsAbs(place) {
			continue
		}
		if path, err := exec.LookPath(place); err == nil { // it can be executed
			return path, nil
		}
	}
	return "", err
}

// allClaudes lists every client that is installed here, the one that is started first in
// front.
func allClaudes() (paths []string) {
	var seen []string
	add := func(path string) {
		real, err := filepath.EvalSymlinks(path)
		if info, statErr := os.Stat(path); err == nil && statErr == nil && info.Mode().IsRegular() &&
			!slices.Contains(seen, real) {
			if found, err := exec.LookPath(path); err == nil {
				seen, paths = append(seen, real), append(paths, found)
			}
		}
	}
	if first, err := lookForClaude(); err == nil {
		add(first)
	}
	name := "claude"
	if runtime.GOOS == "windows" {
		name = "claude.exe"
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) {
			add(filepath.Join(dir, name))
		}
	}
	home, _ := config.Home()
	for _, place := range ClaudePlaces {
		if below, ok := strings.CutPrefix(place, "~/"); ok {
			place = filepath.Join(home, filepath.FromSlash(below))
		}
		if filepath.IsAbs(place) {
			add(place)
		}
	}
	return paths
}

var versionNumber = pattern.New(`(?:^|[^0-9.])(\d{1,4})\.(\d{1,4})\.(\d{1,6})(?:[^0-9]|$)`)

type foundKey struct{}

type foundClaude struct {
	once    sync.Once
	program claudeProgram
	err     error
}

// oneClaude makes all that is done below ctx look for the official client once: its start
// takes a second.
func oneClaude(ctx context.Context) context.Context {
	return context.WithValue(ctx, foundKey{}, &foundClaude{})
}

// findClaude finds the official client and asks its version.
func (e *Engine) findClaude(ctx context.Context) (claudeProgram, error) {
	found, ok := ctx.Value(foundKey{}).(*foundClaude)
	if !ok {
		return askClaude(ctx, e)
	}
	found.once.Do(func() { found.program, found.err = askClaude(ctx, e) })
	return found.program, found.err
}

// askClaude is findClaude without memory. A client that names no version, a wrapper, say,
// that knows only what it passes on, is taken as it is.
func askClaude(ctx context.Context, e *Engine) (claudeProgram, error) {
	path, err := lookForClaude()
	if err != nil {
		return claudeProgram{}, failedAs(codeNoClaude, FaultNoClaude, err)
	}
	p := claudeProgram{path: path, engine: e}
	out, err := p.ask(ctx, ClaudeLimits.Version, "--version")
	switch {
	case ctx.Err() != nil:
		return p, ctx.Err()
	case errors.Is(err, errClaudeTime):
		return p, failedBy(codeClaudeHangs, FaultClaudeSilent, Values{Path: path, Limit: ClaudeLimits.Version}, err)
	case errors.Is(err, errClaudeStart):
		return p, failedBy(codeNoClaude, FaultClaudeUnstartable, Values{Path: path, Reason: plain(err)}, err)
	}
	number := versionNumber().FindSubmatch(out)
	if number == nil {
		return p, nil
	}
	var have [3]int
	for i := range have {
		have[i], _ = strconv.Atoi(string(number[i+1]))
	}
	p.version = dotted(have)
	if slices.Compare(have[:], oldestClaude[:]) < 0 {
		return p, failedBy(codeClaudeTooOld, FaultClaudeTooOld, Values{Reason: p.version, Least: dotted(oldestClaude)},
			nil)
	}
	return p, nil
}

func dotted(v [3]int) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// claudeVersion returns the installed Claude Code's version, which is empty when it
// does not tell, or an error for people.
func (d doctor) claudeVersion(ctx context.Context) (string, error) {
	p, err := d.findClaude(ctx)
	return p.version, err
}

func (p claudeProgram) name() string { return strings.TrimSpace("Claude Code " + p.version) }

func (p claudeProgram) command(args ...string) *exec.Cmd {
	c := exec.Command(p.path, args...)
	c.Dir = p.dir
	c.SysProcAttr = program.SameWindow()
	c.Env = os.Environ()
	if p.dir != "" {
		c.Env = append(c.Env, "PWD="+p.dir)
	}
	// Found outside of the PATH, what it is started by (node, say) often lies beside it.
	if dir, path := filepath.Dir(p.path), os.Getenv("PATH"); !slices.Contains(filepath.SplitList(path), dir) {
		if path != "" {
			dir = path + string(filepath.ListSeparator) + dir
		}
		c.Env = append(c.Env, "PATH="+dir)
	}
	// It must look where we look, also when only our configuration file says so.
	for _, name := range []string{"CLAUDE_CONFIG_DIR", "CLAUDE_SECURESTORAGE_CONFIG_DIR"} {
		if value, ok := p.engine.config.Lookup(name); ok {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	return c
}

// ask runs a call without input and returns what it printed.
func (p claudeProgram) ask(ctx context.Context, limit time.Duration, args ...string) ([]byte, error) {
	c := p.command(args...)
	out := bounded.Keep(64 << 10)
	c.Stdout = out
	c.WaitDelay = 2 * time.Second // a child of its own may keep the pipe open
	if err := p.run(ctx, c, limit); err != nil {
		if errors.Is(err, errClaudeTime) || ctx.Err() != nil {
			return nil, err // it may still be writing
		}
		return out.Bytes(), err
	}
	return out.Bytes(), nil
}

var (
	errClaudeStart = errors.New("the claude program could not be started")
	errClaudeTime  = errors.New("the claude program did not end in time")
)

// run starts the program and waits for its end. When ctx ends it is interrupted, at
// the limit it is asked to end; if it does neither it is left to itself.
func (p claudeProgram) run(ctx context.Context, c *exec.Cmd, limit time.Duration) error {
	if err := c.Start(); err != nil {
		return fmt.Errorf("%w: %w", errClaudeStart, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		_ = c.Process.Signal(os.Interrupt)
		waitFor(ended, cancelGrace)
		return ctx.Err()
	case <-timer.C:
		p.engine.log.Warn("Claude Code took too long and was asked to end", "limit", limit)
		_ = c.Process.Signal(syscall.SIGTERM) // not on Windows, where it is left to itself
		waitFor(ended, ClaudeLimits.EndGrace)
		return errClaudeTime
	}
}

func waitFor(ended <-chan error, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// Terminal is where Claude Code's own prompts are read and written.
type Terminal struct {
	In  io.Reader // an *os.File is handed over as it is
	Out io.Writer
}

// claudeSignIn is a sign-in of the official client.
type claudeSignIn struct {
	signIn
	terminal Terminal
}

// SignInWithClaude lets the installed Claude Code sign in, in the terminal that is
// given to it, and takes over what it wrote, whatever its exit code: an entry that is
// as before means that nobody signed in. Of ours nothing is sent anywhere.
func (e *Engine) SignInWithClaude(ctx context.Context, o SignInOptions, t Terminal, tell func(Event)) (Status, error) {
	if err := e.MayWrite(); err != nil {
		return Status{}, err
	}
	l, err := e.ledger()
	if err != nil {
		return Status{}, err
	}
	s := claudeSignIn{signIn{e, o, tell}, t}
	if e.watches(l) {
		return s.watchSignIn(ctx)
	}
	if o.Account != "" {
		if err := checkName(l, o.Account); err != nil {
			return Status{}, err
		}
	}
	if err := s.tryStore(ctx, l); err != nil {
		return Status{}, err
	}
	// What lies there makes room for what the client writes, so it is settled first. An
	// entry that cannot be read is one that the client would overwrite, MCP logins and all.
	before, err := s.settleEntry(ctx)
	if err != nil {
		return Status{}, entryError(err)
	}
	if already, err := e.vault(l).load(ctx, l.Choose(o.Account)); err == nil {
		tell(Event{Kind: EventAlready, Value: already.Account.Email, Detail: l.Choose(o.Account)})
	}
	p, err := e.findClaude(ctx)
	if err != nil {
		return Status{}, err
	}
	key := s.madeKey(ctx)
	after, err := s.letClaudeSignIn(ctx, p, before.entry)
	if err != nil {
		return s.takeMadeKey(ctx, key, true, s.keepWhatIsGone(ctx, before, err))
	}
	c := after.Login
	c.Method, c.Issued, c.Unknown, c.Lifetime = ByClaudeCode, e.wall(), nil, 0
	if c.LoginEnds.IsZero() && !c.Refresh.IsZero() {
		c.LoginEnds, c.LoginEndsEstimated = e.wall().Add(fallbackLogin), true
	}
	if c.Account.Email == "" {
		c.Account.Email = p.email(ctx, c.Account)
	}
	if err := s.keepClaudeSignIn(ctx, before, c); err != nil {
		return Status{}, err
	}
	return e.Status(context.WithoutCancel(ctx)), nil
}

// settleEntry takes in what Claude Code renewed in its entry, and returns what it holds.
func (s claudeSignIn) settleEntry(ctx context.Context) (sighting, error) {
	if s.entryErr != nil {
		return sighting{}, s.entryErr
	}
	w, err := s.begin(ctx, lockWait)
	if err != nil {
		return sighting{}, err
	}
	defer w.following().endInStep(ctx)
	seen, err := w.see(ctx, s.entry, true)
	if err == nil {
		err = w.settling().settle(ctx, &seen)
	}
	return seen, err
}

// readEntry reads Claude Code's entry.
func (e *Engine) readEntry(ctx context.Context) (claudecode.Entry, error) {
	if e.entryErr != nil {
		return claudecode.Entry{}, e.entryErr
	}
	ctx, cancel := storeContext(ctx)
	defer cancel()
	return e.entry.Read(ctx)
}

// letClaudeSignIn runs `claude auth login` and returns the entry with the login that
// it wrote.
func (s claudeSignIn) letClaudeSignIn(ctx context.Context, p claudeProgram, before claudecode.Entry) (claudecode.Entry,
	error) {
	args := s.options.claudeArgs()
	s.tell(Event{Kind: EventNote, Note: NoteClaudeGoes, Value: p.name(), Detail: "claude " + strings.Join(args, " ")})
	c := p.command(args...)
	c.Stdin, c.Stdout, c.Stderr = s.terminal.In, s.terminal.Out, s.terminal.Out
	limit := s.loginTimeout()
	runErr := p.run(ctx, c, limit)
	if ctx.Err() != nil {
		return claudecode.Entry{}, ctx.Err()
	}
	after, err := s.readEntry(ctx)
	if err != nil {
		return claudecode.Entry{}, entryError(err)
	}
	if after.State == claudecode.SignedIn &&
		(before.State != claudecode.SignedIn || !after.Login.SamePair(before.Login)) {
		if ok, why := after.AcceptedByClient(); !ok {
			s.tell(Event{Kind: EventNote, Note: NoteUnusable, Said: Said{Remark: Remark(why)}, Warn: true})
		}
		return after, nil
	}
	return claudecode.Entry{}, s.noClaudeLogin(runErr, limit)
}

// noClaudeLogin says why there is no new login in the entry.
func (s claudeSignIn) noClaudeLogin(runErr error, limit time.Duration) error {
	exit := &exec.ExitError{}
	switch {
	case errors.Is(runErr, errClaudeStart):
		return failedBy(codeNoClaude, FaultClaudeNotStarted, Values{Reason: plain(runErr)}, runErr)
	case errors.Is(runErr, errClaudeTime):
		return &Error{Code: CodeTimedOut, Exit: ExitTimedOut, Fault: FaultClaudeUnfinished,
			Values: Values{Limit: limit}, Err: runErr}
	case errors.As(runErr, &exit):
		return failedBy(codeClaudeFailed, FaultClaudeEnded, Values{Reason: exit.ProcessState.String()}, runErr)
	case runErr != nil:
		return failedBy(codeClaudeFailed, FaultClaudeFailed, Values{Reason: plain(runErr)}, runErr)
	case s.options.Console:
		return failedBy(codeClaudeWroteNothing, FaultConsoleWroteNothing, Values{Place: s.entry.Place()}, nil)
	}
	return failedBy(codeClaudeWroteNothing, FaultClaudeWroteNothing, Values{Place: s.entry.Place()}, nil)
}

func (s claudeSignIn) keepClaudeSignIn(ctx context.Context, before sighting, c keychain.Credential) error {
	w, err := s.begin(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.following().endInStep(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = Patient(context.WithoutCancel(ctx))
	if err := s.options.expected(c.Account); err != nil {
		err.Values.ClaudeSignedIn = true
		return w.keepWhatMadeRoom(ctx, before, err)
	}
	account, note, err := w.takingIn().signsInTo(ctx, s.options.Account, c, false, s.options.Replace)
	if err != nil {
		return w.keepWhatMadeRoom(ctx, before, err)
	}
	// As with every sign-in, the login that had to make room can be put back. The client
	// took its account-bound keys out already.
	moved, err := w.displacing().moveOut(ctx, &before, account)
	if err != nil {
		return err
	}
	stored, _, err := w.takingIn().takeIn(ctx,
		takenIn{account: account, c: c, what: ledger.ChangeSignedIn, activate: true, carries: true})
	if err != nil {
		return err
	}
	chain := w.l.ChainOf(account)
	w.lentCopies().endLending(s.entry)
	place := w.place(s.entry)
	place.Holds(chain, pairOf(&c))
	place.Account, place.Let = account, false
	if err := w.save(); err != nil {
		return err
	}
	became := Event{Kind: EventClaudeCode, Note: NoteSignedInItself, Value: s.entry.Place()}
	if moved.kept != "" {
		became.Detail = moved.whose
	}
	s.tell(Event{Kind: EventSignedIn, Value: c.Account.Email, Detail: c.Account.Plan})
	if note.Remark != "" {
		s.tell(Event{Kind: EventNote, Said: note})
	}
	s.tell(Event{Kind: EventSaved, Said: stored, Keep: keepOf(w.l.Store, w.vault(w.l).spilled(account))})
	w.carrying().carry(ctx, account, &c, entryWait)
	s.tell(became)
	if over := s.entry.Overrides(); len(over) > 0 {
		s.tell(Event{Kind: EventNote, Note: NoteOverridden, Value: strings.Join(over, ", "), Warn: true})
	}
	s.tellEnds(&c)
	return nil
}

// keepWhatMadeRoom keeps a login that the client took out of its entry for one that is not
// taken over, and returns why not.
func (w *work) keepWhatMadeRoom(ctx context.Context, before sighting, why error) error {
	if before.entry.State != claudecode.SignedIn {
		return why
	}
	moved, err := w.displacing().moveOut(ctx, &before, "")
	if err != nil {
		return errors.Join(why, err)
	}
	if known := errorIn(why); moved.kept != "" && known != nil {
		now, err := w.readEntry(ctx)
		known.Values.Displaced, known.Values.Occupied = moved.whose, err == nil && now.State == claudecode.SignedIn
	}
	return why
}

// keepWhatIsGone keeps a login that the client took out of its entry although it wrote no new
// one, and returns why there is none.
func (s claudeSignIn) keepWhatIsGone(ctx context.Context, before sighting, why error) error {
	ctx = context.WithoutCancel(ctx)
	now, err := s.readEntry(ctx)
	if before.entry.State != claudecode.SignedIn || err == nil && now.Login.SamePair(before.entry.Login) {
		return why
	}
	w, err := s.begin(ctx, lockWait)
	if err != nil {
		return errors.Join(why, err)
	}
	defer w.following().endInStep(ctx)
	return w.keepWhatMadeRoom(ctx, before, why)
}

// email finds out whose login the entry holds, which the entry does not say: from the
// client's own state file when that speaks of the same account, else from the client.
// It is empty when neither surely tells.
func (p claudeProgram) email(ctx context.Context, a keychain.Account) string {
	if id, known := p.engine.entry.Identity(); known && a.ID != "" && id.AccountID == a.ID {
		return emailLike(id.Email)
	}
	out, err := p.ask(ctx, ClaudeLimits.Who, "auth", "status", "--json")
	if err != nil {
		return ""
	}
	return saidEmail(out, a.OrganizationID)
}

// saidEmail reads what `claude auth status --json` prints. Offline the client still tells
// the former account's e-mail; the organization then differs.
func saidEmail(out []byte, organization string) string {
	var said struct {
		LoggedIn     bool   `json:"loggedIn"`
		Method       string `json:"authMethod"`
		Email        string `json:"email"`
		Organization string `json:"orgId"`
	}
	if json.Unmarshal(out, &said) != nil || !said.LoggedIn || said.Method != "claude.ai" || organization == "" ||
		said.Organization != organization {
		return ""
	}
	return emailLike(said.Email)
}

// NoticeUsage calls tell before a renewal through Claude Code, which spends a little
// of the plan's usage.
func (e *Engine) NoticeUsage(tell func()) { e.beforeUsage = tell }

// renewWithClaude lets the official client renew: a prompt of one character makes it
// renew a token that has ended, and the entry is read again, whatever its exit code.
// The caller holds our lock and not Claude Code's, which the client takes itself.
func (r *renewal) renewWithClaude(ctx context.Context, n need) error {
	if r.entryErr != nil {
		return entryError(r.entryErr)
	}
	before, err := r.lookWithClaude(ctx)
	if err != nil {
		return err
	}
	if r.meets(n, &r.current) {
		r.current.Method = keychain.Adopted
		return nil
	}
	newest := pairOf(&r.current)
	if err := r.proveOthers(ctx); err != nil {
		return r.inTheWay(err)
	}
	if pairOf(&r.current) != newest {
		r.carrying().carry(ctx, r.account, &r.current, entryWait)
		if before, err = r.lookWithClaude(ctx); err != nil {
			return err
		}
		if r.meets(n, &r.current) {
			r.current.Method = keychain.Adopted
			return nil
		}
	}
	if err := r.maySend(); err != nil {
		return err
	}
	if before.Account() == r.account && before.Relation == ledger.Superseded {
		r.carrying().carry(ctx, r.account, &r.current, entryWait)
		if before, err = r.lookWithClaude(ctx); err != nil {
			return err
		}
	}
	if !before.entry.Login.SamePair(r.current) {
		return failedBy(codeNotInStep, FaultNotInStep, Values{Place: r.entry.Place()}, nil)
	}
	p, err := r.findClaude(ctx)
	if err != nil {
		return err
	}
	release, err := r.holdOthers(ctx)
	if err != nil {
		return r.inTheWay(err)
	}
	defer release()
	if r.beforeUsage != nil {
		r.beforeUsage()
	}
	r.log.Info("Claude Code renews the login; this spends plan usage", "account", r.account, "model",
		r.config.RefreshModel)
	if err := p.prompt(ctx, r.config.RefreshModel, r.config.RefreshTimeout); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		r.log.Warn("Claude Code ended with an error; its entry is read all the same", "reason", plain(err))
	}
	release()
	after, err := r.lookWithClaude(ctx)
	if err != nil {
		return err
	}
	if r.meets(n, &r.current) {
		r.current.Method = keychain.Adopted
		return nil
	}
	return r.notRenewed(after.entry)
}

// proveOthers takes over a newer pair from the entries beside the one that Claude Code
// renews, and shows that they take the pair that it will get.
func (r *renewal) proveOthers(ctx context.Context) error {
	defer r.letGo()
	if err := r.lockEntries(ctx, entryWait, r.entry.ID()); err != nil {
		return err
	}
	if _, err := r.reread(ctx); err != nil {
		return err
	}
	return r.prove(ctx)
}

// othersHeld is how long the locks of the other entries are held while Claude Code renews one:
// a client that waits for them gives up after 23 s.
const othersHeld = 20 * time.Second

// holdOthers holds the locks of the entries beside the one that Claude Code renews, for a while:
// another client there would spend the same refresh token.
func (r *renewal) holdOthers(ctx context.Context) (release func(), err error) {
	if err := r.lockEntries(ctx, entryWait, r.entry.ID()); err != nil {
		r.letGo()
		return nil, err
	}
	moved, err := r.reread(ctx)
	if err == nil && moved {
		err = laterAs(FaultRenewedMeanwhile, nil)
	}
	if err != nil {
		r.letGo()
		return nil, err
	}
	taken := *r
	r.held = nil
	once := sync.OnceFunc(taken.letGo)
	timer := time.AfterFunc(othersHeld, once)
	return func() { timer.Stop(); once() }, nil
}

// lookWithClaude reads the entry, takes over a newer pair, and carries it to the others.
func (r *renewal) lookWithClaude(ctx context.Context) (sighting, error) {
	s, moved, err := r.takeFrom(ctx, r.entry)
	if err != nil {
		return s, entryError(err)
	}
	if moved {
		r.carrying().carry(ctx, r.account, &r.current, entryWait)
	}
	return s, nil
}

// prompt makes the client answer the smallest of prompts with the entry's login. It
// runs in a folder of ours, so that no project's settings and hooks come into play,
// and without the variables that would make it use another login.
func (p claudeProgram) prompt(ctx context.Context, model string, limit time.Duration) error {
	c := p.command("-p", ".", "--model", model)
	c.Dir = p.engine.config.Paths.State
	overriding := p.engine.entry.Overrides()
	c.Env = slices.DeleteFunc(c.Env, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(overriding, name)
	})
	return p.run(ctx, c, limit)
}

// notRenewed keeps the client from being run again and again, and says what is wrong.
func (r *renewal) notRenewed(after claudecode.Entry) error {
	if r.validFor(&r.current, time.Second) && after.State == claudecode.SignedIn {
		return laterAs(FaultClaudeKeepsToken, nil)
	}
	result := laterAs(FaultStillExpired, nil)
	if after.State != claudecode.SignedIn {
		// The client blanks the entry only when the server called the token spent.
		r.chain.Revoke(pairOf(&r.current).Refresh)
		result = againAs(FaultExpiredForGood, nil)
		r.remember(Record{Account: r.account, What: ledger.ChangeLost, Who: "Claude Code",
			Said: Said{RemarkNotRenewed, nil}})
	} else {
		pause := backOff(r.chain.Failures)
		r.chain.Failures++
		r.chain.NotBefore, r.chain.Why = r.wall().Add(pause), string(RemarkClaudeRenewedNone)
	}
	r.chain.Problem = noteOf(result)
	if err := r.save(); err != nil {
		return errors.Join(result, err)
	}
	return result
}

// emailLike is another program's text for an e-mail, or nothing when it is none.
func emailLike(email string) string {
	if len(email) > 254 || !strings.Contains(email, "@") ||
		strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return email
}
