package keychain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zalando/go-keyring"

	"keytender/internal/rawjson"
	"keytender/internal/secret"
)

// The OS keychain is called in a short-lived child of our own program: go-keyring
// knows no time limit, and on Linux a locked keyring whose dialog nobody answers
// would hang it for ever. A child can be killed. The secret goes through pipes,
// never through arguments or the environment.

// childArgument makes our program a keychain child.
const childArgument = "internal-keychain-child"

// order is what the child reads from its stdin.
type order struct {
	secret.Hidden
	Op      string `json:"op"` // load, save, delete
	Service string `json:"service"`
	Name    string `json:"name"`
	Record  string `json:"record,omitempty"`
	// Limit in milliseconds ends the child, and what it started, although its parent is
	// dead: a write that waits for a dialog must not come true after a newer one.
	Limit int64 `json:"limit"`
}

// reply is what the child writes to its stdout.
type reply struct {
	secret.Hidden
	Error  string `json:"error,omitempty"` // a key of childErrors
	Detail string `json:"detail,omitempty"`
	Record string `json:"record,omitempty"` // load: the record; save: the former one, where that is a head
}

var childErrors = map[string]error{
	"not-found": ErrNotFound, "locked": ErrLocked, "denied": ErrDenied, "unavailable": ErrUnavailable,
	"too-big": ErrTooBig, "damaged": ErrDamaged, "failed": errFailed,
}

// errFailed is a keychain that is there and did not do it. It is kept apart from
// ErrUnavailable, which lets a first sign-in choose the file store.
var errFailed = errors.New("the keychain failed")

// exitTimedOut is the exit code of a child that came to its limit by itself.
const exitTimedOut = 3

// RunChild serves one keychain call and ends the process, when this process was
// started for that. It must be the first call of main, before anything else costs
// time.
func RunChild() {
	if len(os.Args) != 2 || os.Args[1] != childArgument {
		return
	}
	var o order
	in, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	v, ok := rawjson.Parse(in)
	if err != nil || !ok || !v.Into(&o) {
		os.Exit(2) // the parent died before it said what to do
	}
	time.AfterFunc(time.Duration(o.Limit)*time.Millisecond, func() {
		endOthers()
		os.Exit(exitTimedOut)
	})
	if err := json.NewEncoder(os.Stdout).Encode(serve(o)); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(o order) reply {
	if err := platformReady(); err != nil {
		return reply{Error: "unavailable", Detail: err.Error()}
	}
	switch n, err := itemsOf(o.Service, o.Name); {
	case err != nil:
		return refusal(err)
	case n > 1:
		return reply{Error: "damaged", Detail: "the keyring holds two items of the name " + o.Name}
	}
	switch o.Op {
	case "load":
		record, err := keyring.Get(o.Service, o.Name)
		if err != nil {
			return refusal(err)
		}
		return reply{Record: record}
	case "save":
		// What cannot be read is not written over, and no second dialog asks about it.
		former, err := keyring.Get(o.Service, o.Name)
		if err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return refusal(err)
		}
		if _, ok := readHead(former); !ok {
			former = ""
		}
		if err := keyring.Set(o.Service, o.Name, o.Record); err != nil {
			return refusal(err)
		}
		// A dialog that the person dismissed looks like success until here.
		back, err := keyring.Get(o.Service, o.Name)
		if err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return refusal(err)
		}
		if err != nil || back != o.Record {
			return reply{Error: "denied", Detail: "the keychain did not take the record"}
		}
		return reply{Record: former}
	case "delete":
		if err := keyring.Delete(o.Service, o.Name); err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return refusal(err)
		}
		if _, err := keyring.Get(o.Service, o.Name); err == nil {
			return reply{Error: "denied", Detail: "the keychain still holds the record"}
		} else if !errors.Is(err, keyring.ErrNotFound) {
			return refusal(err)
		}
		return reply{}
	}
	return reply{Error: "failed", Detail: "unknown keychain call"}
}

// refusal sorts what go-keyring returns. Its errors are platform errors without a
// common type, so each platform has its own table; texts are a last resort.
func refusal(err error) reply {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return reply{Error: "not-found"}
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return reply{Error: "too-big"}
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		// macOS: the low byte of security(1)'s OSStatus.
		switch exit.ExitCode() {
		case 44:
			return reply{Error: "not-found"}
		case 36:
			return reply{Error: "locked", Detail: "the login keychain is locked or this session may not ask"}
		case 51, 128:
			return reply{Error: "denied", Detail: "the keychain refused, or its dialog was cancelled"}
		case 37:
			return reply{Error: "unavailable", Detail: "there is no login keychain"}
		}
	}
	return platformRefusal(err)
}

// OSKeychain keeps records in the keychain of the operating system through
// go-keyring: Secret Service, macOS keychain or Credential Manager. Item names are
// the service and the record's name with the suffix.
type OSKeychain struct {
	_ [0]func() // nobody compares two

	Service string
	// Suffix tells the items of one installation from those of another.
	Suffix string
	// Limit bounds a call whose context has no earlier deadline.
	Limit time.Duration
	// program is who serves the call; empty means this program itself.
	program string

	mu        sync.Mutex
	refused   error // what the last read met, when that was a dialog or a lock
	refusedAt time.Time
	asking    chan struct{} // holds one while a read may be asking the person
}

func (k *OSKeychain) limit() time.Duration {
	if k.Limit <= 0 {
		return time.Minute
	}
	return k.Limit
}

// Kind returns "keychain".
func (k *OSKeychain) Kind() string { return "keychain" }

// Load implements Store.
func (k *OSKeychain) Load(ctx context.Context, name string) (secret.String, error) {
	ctx, cancel := context.WithTimeout(ctx, k.limit())
	defer cancel()
	record, err := k.loadItem(ctx, name)
	if h, ok := readHead(record.Reveal()); err == nil && ok {
		record, err = k.loadParts(ctx, name, h)
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("reading from the keychain: %w", err)
	}
	return record, nil
}

// loadItem reads one item.
func (k *OSKeychain) loadItem(limited context.Context, name string) (secret.String, error) {
	if record, done := k.loadDirect(limited, name+k.Suffix); done {
		k.remember(nil)
		return record, nil
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		return secret.String{}, ErrTimedOut
	}
	// One at a time: each could put a dialog of its own before the person.
	if err := k.turn(limited); err != nil {
		return secret.String{}, err
	}
	defer func() { <-k.asking }()
	if err := k.heldBack(limited, name+k.Suffix); err != nil {
		return secret.String{}, err
	}
	a, err := k.call(limited, order{Op: "load", Name: name + k.Suffix})
	k.remember(err)
	return secret.New(a.Record), err
}

// turn waits until no other read may be asking the person.
func (k *OSKeychain) turn(ctx context.Context) error {
	k.mu.Lock()
	if k.asking == nil {
		k.asking = make(chan struct{}, 1)
	}
	k.mu.Unlock()
	select {
	case k.asking <- struct{}{}:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return ErrTimedOut
		}
		return ctx.Err()
	}
}

// heldBack returns what the last read met when another one would only put its dialog
// before the person again: background work looks each minute.
func (k *OSKeychain) heldBack(ctx context.Context, name string) error {
	k.mu.Lock()
	refused, at := k.refused, k.refusedAt
	k.mu.Unlock()
	switch {
	case IsInteractive(ctx):
		return nil
	case refused == nil && ctx.Value(unaskedKey{}) != nil && k.wouldAsk(ctx, name):
		return ErrLocked
	case refused == nil || !k.wouldAskAgain(ctx, name, at):
		return nil
	case errors.Is(refused, ErrTimedOut) && k.wouldAsk(ctx, name): // the dialog may still stand there
		return ErrLocked
	}
	return refused
}

func (k *OSKeychain) remember(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused = nil
	if errors.Is(err, ErrLocked) || errors.Is(err, ErrDenied) || errors.Is(err, ErrTimedOut) {
		k.refused, k.refusedAt = err, time.Now().Round(0)
	}
}

// Save implements Store. A record over maxRecord bytes is kept in parts on every system,
// so that a login never depends on which one it was made on.
func (k *OSKeychain) Save(ctx context.Context, name string, record secret.String) error {
	ctx, cancel := context.WithTimeout(ctx, k.limit())
	defer cancel()
	save := k.saveHead
	if len(record.Reveal()) > maxRecord {
		save = k.saveParts
	}
	if err := save(ctx, name, record.Reveal()); err != nil {
		return fmt.Errorf("writing to the keychain: %w", err)
	}
	return nil
}

// Delete implements Store. The parts go first: while the head is there, whoever is stopped
// in between finds something to delete again.
func (k *OSKeychain) Delete(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, k.limit())
	defer cancel()
	for _, slot := range slots {
		if err := k.dropParts(ctx, name, slot); err != nil {
			return fmt.Errorf("deleting from the keychain: %w", err)
		}
	}
	if _, err := k.call(ctx, order{Op: "delete", Name: name + k.Suffix}); err != nil {
		return fmt.Errorf("deleting from the keychain: %w", err)
	}
	return nil
}

// childEnvironment is all that a keychain needs to be found and to show a dialog, also under
// Wine, whose own settings have to be the same for both.
var childEnvironment = []string{"HOME", "USER", "LOGNAME", "PATH", "LANG", "TMPDIR",
	"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
	"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "USERNAME", "WINEPREFIX", "WINEDEBUG"}

// call runs the child and waits for its answer. When ctx ends the child is killed with
// what it started. The dialog that it may have opened goes with it, but not KeePassXC's.
func (k *OSKeychain) call(ctx context.Context, o order) (reply, error) {
	program := k.program
	if program == "" {
		var err error
		if program, err = thisProgram(); err != nil {
			return reply{}, fmt.Errorf("%w: this program cannot find itself: %v", errFailed, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, k.limit())
	defer cancel()
	deadline, _ := ctx.Deadline()
	o.Service, o.Limit = k.Service, max(1, time.Until(deadline).Milliseconds())
	encoded, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	cmd := exec.CommandContext(ctx, program, childArgument)
	cmd.WaitDelay = time.Second
	cmd.Stdin = bytes.NewReader(encoded)
	cmd.SysProcAttr = detached()
	cmd.Cancel = func() error { return endWithOthers(cmd.Process) }
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(childEnvironment, strings.ToUpper(name)) {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return readReply(out)
	case errors.Is(ctx.Err(), context.Canceled):
		return reply{}, ctx.Err()
	case ctx.Err() != nil, errors.As(err, &exit) && exit.ExitCode() == exitTimedOut:
		return reply{}, ErrTimedOut
	case exit == nil && !errors.Is(err, exec.ErrWaitDelay):
		return reply{}, fmt.Errorf("%w: its helper process did not start: %v", errFailed, err)
	}
	return reply{}, fmt.Errorf("%w: its helper process ended early", errFailed)
}

// Field says where a member goes: see rawjson.Object.
func (a *reply) Field(key string) any {
	switch key {
	case "error":
		return &a.Error
	case "detail":
		return &a.Detail
	case "record":
		return &a.Record
	}
	return nil
}

// Field says where a member goes: see rawjson.Object.
func (o *order) Field(key string) any {
	switch key {
	case "op":
		return &o.Op
	case "service":
		return &o.Service
	case "name":
		return &o.Name
	case "record":
		return &o.Record
	case "limit":
		return &o.Limit
	}
	return nil
}

// readReply reads what the child printed.
func readReply(out []byte) (reply, error) {
	var a reply
	v, ok := rawjson.Parse(out)
	if !ok || !v.Into(&a) {
		return reply{}, fmt.Errorf("%w: its helper process gave no answer", errFailed)
	}
	if a.Error == "" {
		return a, nil
	}
	kind, ok := childErrors[a.Error]
	switch {
	case !ok:
		kind = errFailed
	case a.Detail == "":
		return reply{}, kind
	}
	return reply{}, fmt.Errorf("%w: %s", kind, a.Detail)
}
