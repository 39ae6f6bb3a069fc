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
	"time"

	"github.com/zalando/go-keyring"

	"keytender/internal/secret"
)

// The OS keychain is called in a short-lived child of our own program: go-keyring
// knows no time limit, and on Linux a locked keyring whose dialog nobody answers
// would hang it for ever. A child can be killed. The secret goes through pipes,
// never through arguments or the environment.

// childArgument makes our program a keychain child.
const childArgument = "internal-keychain-child"

// request is what the child reads from its stdin.
type request struct {
	Op      string `json:"op"` // load, save, delete
	Service string `json:"service"`
	Name    string `json:"name"`
	Record  string `json:"record,omitempty"`
}

// answer is what the child writes to its stdout.
type answer struct {
	Error  string `json:"error,omitempty"` // a key of childErrors
	Detail string `json:"detail,omitempty"`
	Record string `json:"record,omitempty"`
}

var childErrors = map[string]error{
	"not-found": ErrNotFound, "locked": ErrLocked, "denied": ErrDenied, "unavailable": ErrUnavailable,
	"too-big": ErrTooBig, "damaged": ErrDamaged,
}

// RunChild serves one keychain call and ends the process, when this process was
// started for that. It must be the first call of main, before anything else costs
// time.
func RunChild() {
	if len(os.Args) != 2 || os.Args[1] != childArgument {
		return
	}
	var r request
	in, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	if err != nil || json.Unmarshal(in, &r) != nil {
		os.Exit(2) // the parent died before it said what to do
	}
	if err := json.NewEncoder(os.Stdout).Encode(serve(r)); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(r request) answer {
	if err := platformReady(); err != nil {
		return answer{Error: "unavailable", Detail: err.Error()}
	}
	switch r.Op {
	case "load":
		record, err := keyring.Get(r.Service, r.Name)
		if err != nil {
			return refusal(err)
		}
		return answer{Record: record}
	case "save":
		if err := keyring.Set(r.Service, r.Name, r.Record); err != nil {
			return refusal(err)
		}
		back, err := keyring.Get(r.Service, r.Name)
		if err != nil {
			return refusal(err)
		}
		if back != r.Record {
			return answer{Error: "damaged", Detail: "the keychain returned something else than was stored"}
		}
		return answer{}
	case "delete":
		if err := keyring.Delete(r.Service, r.Name); err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return refusal(err)
		}
		if _, err := keyring.Get(r.Service, r.Name); err == nil {
			return answer{Error: "denied", Detail: "the keychain still holds the record"}
		} else if !errors.Is(err, keyring.ErrNotFound) {
			return refusal(err)
		}
		return answer{}
	}
	return answer{Error: "unavailable", Detail: "unknown keychain call"}
}

// refusal sorts what go-keyring returns. Its errors are platform errors without a
// common type, so each platform has its own table; texts are a last resort.
func refusal(err error) answer {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return answer{Error: "not-found"}
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return answer{Error: "too-big"}
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		// macOS: the low byte of security(1)'s OSStatus.
		switch exit.ExitCode() {
		case 44:
			return answer{Error: "not-found"}
		case 36:
			return answer{Error: "locked", Detail: "the login keychain is locked or this session may not ask"}
		case 51, 128:
			return answer{Error: "denied", Detail: "the keychain refused, or its dialog was cancelled"}
		}
	}
	return platformRefusal(err)
}

// OSKeychain keeps records in the keychain of the operating system through
// go-keyring: Secret Service, macOS keychain or Credential Manager. Item names are
// the service and the record's name.
type OSKeychain struct {
	Service string
	// Limit bounds a call whose context has no earlier deadline.
	Limit time.Duration
	// program is who serves the call; empty means this program itself.
	program string
}

// Kind returns "keychain".
func (k *OSKeychain) Kind() string { return "keychain" }

// Load implements Store.
func (k *OSKeychain) Load(ctx context.Context, name string) (secret.String, error) {
	a, err := k.call(ctx, request{Op: "load", Name: name})
	if err != nil {
		return secret.String{}, fmt.Errorf("reading from the keychain: %w", err)
	}
	return secret.New(a.Record), nil
}

// Save implements Store. A record over MaxRecord bytes is ErrTooBig on every
// system, so that a login never depends on which one it was made on.
func (k *OSKeychain) Save(ctx context.Context, name string, record secret.String) error {
	pending, err := k.Prepare(ctx, name)
	if err != nil {
		return err
	}
	return pending.Save(record)
}

// Delete implements Store.
func (k *OSKeychain) Delete(ctx context.Context, name string) error {
	if _, err := k.call(ctx, request{Op: "delete", Name: name}); err != nil {
		return fmt.Errorf("deleting from the keychain: %w", err)
	}
	return nil
}

func (k *OSKeychain) call(ctx context.Context, r request) (answer, error) {
	c, err := k.start(ctx)
	if err != nil {
		return answer{}, err
	}
	return c.ask(r)
}

// PendingSave is a keychain child that already runs and waits for the record. A
// renewal starts it before the token call: once the answer is in the pipe, the
// death of this process no longer matters.
type PendingSave struct {
	child *child
	name  string
}

// Prepare starts the child. Call Save or Abandon on what it returns.
func (k *OSKeychain) Prepare(ctx context.Context, name string) (*PendingSave, error) {
	c, err := k.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("writing to the keychain: %w", err)
	}
	return &PendingSave{child: c, name: name}, nil
}

// Save hands the record over and waits until it was read back.
func (p *PendingSave) Save(record secret.String) error {
	if len(record.Reveal()) > MaxRecord {
		p.Abandon()
		return fmt.Errorf("writing to the keychain: %w", ErrTooBig)
	}
	if _, err := p.child.ask(request{Op: "save", Name: p.name, Record: record.Reveal()}); err != nil {
		return fmt.Errorf("writing to the keychain: %w", err)
	}
	return nil
}

// Abandon ends the child; nothing was written.
func (p *PendingSave) Abandon() { p.child.abandon() }

type child struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bytes.Buffer
	ctx     context.Context
	cancel  context.CancelFunc
	service string
}

// childEnvironment is all that a keychain needs to be found and to show a dialog.
var childEnvironment = []string{"HOME", "USER", "LOGNAME", "PATH", "LANG", "TMPDIR",
	"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
	"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "USERNAME", "GOCOVERDIR", "WINEPREFIX", "WINEDEBUG"}

func (k *OSKeychain) start(ctx context.Context) (*child, error) {
	program := k.program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("%w: this program cannot find itself: %v", ErrUnavailable, err)
		}
	}
	limit := k.Limit
	if limit <= 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	c := &child{ctx: ctx, cancel: cancel, stdout: &bytes.Buffer{}, service: k.Service}
	c.cmd = exec.CommandContext(ctx, program, childArgument)
	c.cmd.WaitDelay = time.Second
	c.cmd.Stdout = c.stdout
	c.cmd.SysProcAttr = detached()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(childEnvironment, strings.ToUpper(name)) {
			c.cmd.Env = append(c.cmd.Env, entry)
		}
	}
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: its helper process did not start: %v", ErrUnavailable, err)
	}
	return c, nil
}

func (c *child) ask(r request) (answer, error) {
	defer c.cancel()
	r.Service = c.service
	text, err := json.Marshal(r)
	if err != nil {
		c.abandon()
		return answer{}, err
	}
	_, writeErr := c.stdin.Write(text)
	c.stdin.Close()
	waitErr := c.cmd.Wait()
	switch {
	case c.ctx.Err() != nil && waitErr != nil:
		if errors.Is(c.ctx.Err(), context.Canceled) {
			return answer{}, c.ctx.Err()
		}
		return answer{}, ErrTimedOut
	case writeErr != nil || waitErr != nil:
		return answer{}, fmt.Errorf("%w: its helper process ended early", ErrUnavailable)
	}
	var a answer
	if err := json.Unmarshal(c.stdout.Bytes(), &a); err != nil {
		return answer{}, fmt.Errorf("%w: its helper process gave no answer", ErrUnavailable)
	}
	if a.Error == "" {
		return a, nil
	}
	kind, ok := childErrors[a.Error]
	if !ok {
		kind = ErrUnavailable
	}
	if a.Detail == "" {
		return answer{}, kind
	}
	return answer{}, fmt.Errorf("%w: %s", kind, a.Detail)
}

func (c *child) abandon() {
	c.cancel()
	c.stdin.Close()
	_ = c.cmd.Wait()
}
