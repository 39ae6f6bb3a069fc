// Package session is the engine: it signs in, hands out the access token, renews
// it, adopts what another program renewed, and mirrors the login into Claude
// Code's entry. It is the only caller of a token call and the only writer of the
// token chain; it shows nothing and asks nothing.
package session

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"keytender/internal/atomicfile"
	"keytender/internal/await"
	"keytender/internal/config"
	"keytender/internal/dirlock"
	"keytender/internal/oauth"
	"keytender/internal/version"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// Version is the program's version, which is all that the User-Agent says.
var Version = version.Of().Number

// Exit codes of the public contract.
const (
	ExitFailed      = 1
	ExitUsage       = 2
	ExitSignedOut   = 3
	ExitSignInAgain = 4
	ExitTryLater    = 5
	ExitBusy        = 6
	ExitDeclined    = 7
	ExitTimedOut    = 8
)

// Error is what went wrong and with which exit code a command ends. Its Fault and Values are
// put into words where people read them. None of it holds a secret.
type Error struct {
	Code   Code
	Exit   int
	Fault  Fault
	Values Values
	Err    error
}

// Coded is an error as a program tells it: ours, or one of whoever calls us.
type Coded interface {
	error
	Outcome() (code Code, exit int)
}

// Outcome implements Coded.
func (e *Error) Outcome() (code Code, exit int) { return e.Code, e.Exit }

// Error is a text for logs.
func (e *Error) Error() string {
	said := e.Values
	if said.Reason == "" && said.Because == nil && e.Err != nil {
		said.Reason = e.Err.Error()
	}
	return string(e.Fault) + said.forLog()
}

func (e *Error) Unwrap() error { return e.Err }

// Engine works on one installation. Several engines, in several processes, may
// work on the same one at once.
type Engine struct {
	state
	config config.Config
	client *oauth.Client
	// entry is the one that this process's environment names; entryErr is why there is
	// none to work on. entries is how the others are found.
	entry    *claudecode.Directory
	entryErr error
	entries  claudecode.Config
	// account is the one to work on; empty: the active one.
	account string
	asked   *asked
	osStore *keychain.OSKeychain
	file    *keychain.FileStore
	// beforeUsage is called before a renewal that spends plan usage; nil: nobody asks.
	beforeUsage func()
	// beforeWriting is called each time when our lock was taken, before anything else.
	beforeWriting func()
	// waitsInSystem is called before a first wait for our lock, which is the system's then; nil:
	// it is not. Time stands still for no goroutine that is in there, so tests on a clock of
	// their own do without.
	waitsInSystem func()
	// crash is called with the name of each step of a renewal; tests end the process
	// in it.
	crash func(step string)
}

// Open prepares an engine; it touches nothing yet.
func Open(c config.Config) (*Engine, error) {
	home, err := config.Home()
	if err != nil {
		home = "" // only Claude Code's entry may need it, and says so
	}
	e := &Engine{
		state:   state{dir: c.Paths.State, log: slog.New(slog.DiscardHandler), now: time.Now, heard: &heard{}},
		config:  c,
		osStore: &keychain.OSKeychain{Service: "keytender", Suffix: c.Paths.ItemSuffix, Limit: time.Minute},
		file:    &keychain.FileStore{Path: c.Paths.Credentials},
		asked:   &asked{},
		crash:   func(string) {},

		beforeWriting: func() {},
	}
	e.client = &oauth.Client{
		TokenURL: c.TokenURL, RevokeURL: c.RevokeURL, APIURL: strings.TrimSuffix(c.APIURL, "/"),
		ClientID: c.ClientID, UserAgent: "keytender/" + Version, Form: c.TokenForm,
	}
	e.client.Now, e.client.Dated = e.wall, e.noteServerDate
	e.entries = claudecode.Config{
		LookupEnv: c.Lookup, Home: home, GOOS: runtime.GOOS, Username: os.Getenv("USER"),
		OwnerNote:   filepath.Join(c.Paths.State, "locks-held.json"),
		ArgvAllowed: c.KeychainArgv == "as-claude-code",
	}
	e.entry, e.entryErr = claudecode.Find(e.entries)
	return e, nil
}

// BeforeWriting calls announce each time before anything is written or sent: until then
// the process may end at any point.
func (e *Engine) BeforeWriting(announce func()) { e.beforeWriting = announce }

// WaitInSystem has a wait for our lock begin in the system and not with a clock: for a command,
// whose end ends it. announce is called before, when nothing was written or sent yet.
func (e *Engine) WaitInSystem(announce func()) { e.waitsInSystem = announce }

// LogTo sends the engine's log to l.
func (e *Engine) LogTo(l *slog.Logger) { e.log, e.client.Log = l, l }

// A keychain call may take 5 s where nobody waits for a dialog, and 60 s where a
// person may be typing a password.
const (
	storeWait        = 5 * time.Second
	patientStoreWait = time.Minute
)

type patientKey struct{}

// Patient gives the keychain calls below ctx the time that a person needs to type a
// password.
func Patient(ctx context.Context) context.Context {
	return context.WithValue(keychain.Interactive(ctx), patientKey{}, true)
}

// NoticeTightened calls tell once when our own file's loose permissions were taken away.
func (e *Engine) NoticeTightened(tell func(path string)) { e.file.Tightened = tell }

// Config returns the settings that the engine works with.
func (e *Engine) Config() config.Config { return e.config }

// wall returns the present without its monotonic reading: that one stands still
// while a laptop sleeps.
func (s *state) wall() time.Time { return s.now().Round(0).UTC() }

// lockWait bounds the wait for our own lock. A renewal that is answered fits many
// times; one whose server is silent takes longer, and whoever waits is told.
const lockWait = 45 * time.Second

// grantedTries is how often a login whose code was spent waits so long: nobody holds the lock
// for more than two such waits, and several may be in line.
const grantedTries = 6

// lock takes the installation's lock. Whoever writes a record or the ledger holds it.
func (e *Engine) lock(ctx context.Context, wait time.Duration) (release func(), err error) {
	return e.lockUnless(ctx, wait, func() bool { return false })
}

// lockUnless waits for the lock, or until done, in which case release is nil. A crowd
// that waits for one renewal then goes home with it instead of queueing for the lock.
func (e *Engine) lockUnless(ctx context.Context, wait time.Duration, done func() bool) (release func(), err error) {
	if err := e.MayWrite(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(e.config.Paths.State, 0o700); err != nil {
		return nil, e.storageTrouble(FaultStateFolder, "", err)
	}
	path := filepath.Join(e.config.Paths.State, "lock")
	l := flock.New(path, flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	inSystem := e.waitsInSystem
	for pause := 20 * time.Millisecond; ; pause = min(pause*2, maxLockPause) {
		switch ok, err := l.TryLock(); {
		case err != nil:
			return nil, e.storageTrouble(FaultLockUntaken, path, err)
		case ok:
			// Here and not before: a thousand may only wait.
			e.beforeWriting()
			keepPrivate(e.config.Paths, e.log)
			e.endOldAttempt()
			return func() { _ = l.Unlock() }, nil
		}
		var err error
		if inSystem != nil {
			inSystem()
			err, inSystem = untilFree(ctx, l), nil
		} else {
			err = sleep(ctx, pause/2+rand.N(pause))
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, busyBy(FaultOurLockBusy, Values{Path: path}, dirlock.ErrBusy)
		} else if err != nil {
			return nil, err
		}
		if done() {
			return nil, nil
		}
	}
}

// untilFree waits in the system, which costs nothing until somebody gives the lock back. A
// thousand that are woken then hold it together for a moment and queue for nothing. What is
// left of it when ctx ends lets go as soon as it gets hold, or ends with the process.
func untilFree(ctx context.Context, l *flock.Flock) error {
	return await.End(ctx, func() error {
		_ = l.RLock() // where that cannot be had, trying says so
		_ = l.Unlock()
		return nil
	})
}

// maxLockPause keeps a thousand that wait from keeping the one that works from it. It is
// come to after a second: a pause is about as long as what was waited before it.
const maxLockPause = 600 * time.Millisecond

func (s *state) storageTrouble(f Fault, path string, err error) *Error {
	return storageTrouble(s.dir, f, path, err)
}

func storageTrouble(dir string, f Fault, path string, err error) *Error {
	return &Error{Code: CodeStorage, Exit: ExitTryLater, Fault: f,
		Values: Values{Path: path, Place: dir, Reason: plain(err)}, Err: err}
}

// plain is an error's last, most telling part: what the system said.
func plain(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err.Error()
	}
	if known := errorIn(err); known != nil && known.Fault != "" && known.Values.Reason != "" {
		return known.Values.Reason
	}
	if err == nil {
		return "unknown reason"
	}
	return err.Error()
}

// errorIn is the error of ours that err is or wraps, or nil.
func errorIn(err error) *Error {
	var known *Error
	errors.As(err, &known)
	return known
}

// storeError turns what a store answered into an error of ours.
func storeError(kind string, err error) *Error {
	if known := errorIn(err); known != nil {
		return known
	}
	say := func(code Code, exit int, f Fault) *Error {
		return &Error{Code: code, Exit: exit, Fault: f, Values: Values{Place: kind, Reason: err.Error()}, Err: err}
	}
	switch {
	case errors.Is(err, keychain.ErrNotFound):
		return signedOut()
	case errors.Is(err, keychain.ErrLocked):
		return say(CodeLocked, ExitTryLater, FaultStoreLocked)
	case errors.Is(err, keychain.ErrDenied):
		return say(CodeDenied, ExitTryLater, FaultStoreDenied)
	case errors.Is(err, keychain.ErrTimedOut):
		return say(CodeTimedOut, ExitTryLater, FaultStoreTimedOut)
	case errors.Is(err, keychain.ErrUnavailable), errors.Is(err, errLacking):
		return say(CodeUnavailable, ExitTryLater, FaultStoreUnavailable)
	case errors.Is(err, keychain.ErrDamaged):
		return say(CodeDamaged, ExitFailed, FaultStoreDamaged)
	case errors.Is(err, keychain.ErrUnreadable):
		return say(codeUnreadable, ExitFailed, FaultStoreUnreadable)
	case errors.Is(err, keychain.ErrTooBig) && kind == "file":
		return say(CodeTooBig, ExitFailed, FaultFileTooBig)
	case errors.Is(err, keychain.ErrTooBig):
		return say(CodeTooBig, ExitFailed, FaultItemTooBig)
	}
	refused := &atomicfile.RefusedError{}
	if errors.As(err, &refused) {
		return say(CodeRefused, ExitFailed, FaultStoreRefused)
	}
	return &Error{Code: CodeStorage, Exit: ExitTryLater, Fault: FaultStoreTrouble,
		Values: Values{Place: kind, Reason: plain(err)}, Err: err}
}

func isNotFound(err error) bool { return errors.Is(err, keychain.ErrNotFound) }

func signedOut() *Error {
	return &Error{Code: codeSignedOut, Exit: ExitSignedOut, Fault: FaultSignedOut, Err: keychain.ErrNotFound}
}

// What the ones called By make is with values, what the ones called As make is without.
func againAs(f Fault, err error) *Error { return againBy(f, Values{}, err) }

func busyAs(f Fault, err error) *Error { return busyBy(f, Values{}, err) }

func failedAs(code Code, f Fault, err error) *Error { return failedBy(code, f, Values{}, err) }

func laterAs(f Fault, err error) *Error { return laterBy(f, Values{}, err) }

func againBy(f Fault, v Values, err error) *Error {
	return &Error{Code: CodeSignInAgain, Exit: ExitSignInAgain, Fault: f, Values: v, Err: err}
}

func busyBy(f Fault, v Values, err error) *Error {
	return &Error{Code: codeBusy, Exit: ExitBusy, Fault: f, Values: v, Err: err}
}

func failedBy(code Code, f Fault, v Values, err error) *Error {
	return &Error{Code: code, Exit: ExitFailed, Fault: f, Values: v, Err: err}
}

func laterBy(f Fault, v Values, err error) *Error {
	return &Error{Code: codeTryLater, Exit: ExitTryLater, Fault: f, Values: v, Err: err}
}
