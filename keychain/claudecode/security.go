package claudecode

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"keytender/internal/bounded"
	"keytender/internal/program"
	"keytender/internal/secret"
	"keytender/keychain"
)

// Claude Code's item in the macOS keychain is read and written by the system's own
// security(1), as the client does it. Any other program that wrote the item would
// become its owner, and every later read by the client would ask the person for a
// password, without end.

// Runner runs security(1) with these arguments and stdin. exit is its exit status; err
// is set when it could not be run, or did not end before the context.
type Runner func(ctx context.Context, stdin []byte, args ...string) (stdout []byte, exit int, err error)

const (
	// securityLimit ends a call whose context has no earlier end: a person may be
	// typing a password.
	securityLimit = 60 * time.Second
	// securityPause is how long a refused read is not repeated in the background, so
	// that dialogs do not pile up before the person.
	securityPause = 30 * time.Second
	// hexLine and plainLine are the longest lines for `security -i`, the newline
	// included: up to the first the client itself writes hex; past the second the tool
	// would cut the line and run the rest as the next command.
	hexLine, plainLine = 4032, 4095
	maxSecurityOutput  = 2*maxEntry + 4096
	// longestArgument leaves room in the 1 MiB that macOS gives arguments and environment.
	longestArgument = 900 << 10
)

// securityProgram is absolute: whatever else is called security is not asked. Tests
// put a stand-in here.
var securityProgram = "/usr/bin/security"

// runSecurity is the real Runner. It is the only place where the tool is started.
func runSecurity(ctx context.Context, stdin []byte, args ...string) ([]byte, int, error) {
	cmd := exec.CommandContext(ctx, securityProgram, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C"}
	for _, name := range []string{"HOME", "USER", "LOGNAME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Stdin = bytes.NewReader(stdin)
	program.OwnGroup(cmd, nil)
	cmd.WaitDelay = 2 * time.Second
	out := bounded.Keep(maxSecurityOutput + 1)
	cmd.Stdout = out // stderr goes nowhere: its texts are localised, the status says it all
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	if len(out.Bytes()) > maxSecurityOutput { // more than any item may hold
		return nil, 0, errors.New("the output is too large")
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() >= 0 {
		return out.Bytes(), failed.ExitCode(), nil
	}
	return out.Bytes(), 0, err
}

// oneAtATime admits one security process of ours: concurrent reads stack dialogs.
var oneAtATime = make(chan struct{}, 1)

// item is one generic password of the login keychain.
type item struct {
	service, account string
	run              Runner
	now              func() time.Time
	argvAllowed      bool

	mu        sync.Mutex
	refused   error // the last refusal of a read
	refusedAt time.Time
}

// call runs security(1), alone and within a time limit.
func (i *item) call(ctx context.Context, stdin []byte, args ...string) ([]byte, int, error) {
	ctx, cancel := context.WithTimeout(ctx, securityLimit)
	defer cancel()
	select {
	case oneAtATime <- struct{}{}:
		defer func() { <-oneAtATime }()
	case <-ctx.Done():
		return nil, 0, timedOut(ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, timedOut(err)
	}
	out, exit, err := i.run(ctx, stdin, args...)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, 0, timedOut(ctx.Err())
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %s cannot be run", keychain.ErrUnavailable, securityProgram)
	}
	return out, exit, nil
}

func timedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return keychain.ErrTimedOut
	}
	return err
}

// read returns the item's bytes, or keychain.ErrNotFound when there is no such item. unclean:
// the tool had to print it as hex, which Claude Code takes for no login.
func (i *item) read(ctx context.Context) (data []byte, unclean bool, err error) {
	if err := i.heldBack(ctx); err != nil {
		return nil, false, err
	}
	out, exit, err := i.call(ctx, nil, "find-generic-password", "-a", i.account, "-w", "-s", i.service)
	if err == nil {
		err = securityError(exit)
	}
	i.remember(err)
	if err != nil {
		return nil, false, err
	}
	data, unclean = decodeSecret(out)
	if len(data) == 0 {
		return nil, false, keychain.ErrNotFound
	}
	if len(data) > maxEntry {
		return nil, false, fmt.Errorf("%w: the keychain item is larger than %d KiB", keychain.ErrDamaged, maxEntry/1024)
	}
	return data, unclean, nil
}

// heldBack returns a refusal that is too fresh to ask again for.
func (i *item) heldBack(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if keychain.IsInteractive(ctx) || i.refused == nil || i.now().Round(0).Sub(i.refusedAt) >= securityPause {
		return nil
	}
	return i.refused
}

// remember keeps what a dialog or a locked keychain caused. A call that was cut off
// may have left its dialog standing, so it counts too.
func (i *item) remember(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case errors.Is(err, keychain.ErrLocked), errors.Is(err, keychain.ErrDenied), errors.Is(err, keychain.ErrTimedOut):
		i.refused, i.refusedAt = err, i.now().Round(0)
	case err == nil:
		i.refused = nil
	}
}

// stamp returns the item's attributes, its modification date among them. Without -w
// the tool opens no secret: this asks nobody, and works on a locked keychain.
func (i *item) stamp(ctx context.Context) ([]byte, error) {
	out, exit, err := i.call(ctx, nil, "find-generic-password", "-a", i.account, "-s", i.service)
	if err == nil {
		err = securityError(exit)
	}
	return out, err
}

// write stores compact printable ASCII and reads it back.
func (i *item) write(ctx context.Context, data []byte) error {
	command, err := i.command(data)
	if err != nil {
		return err
	}
	_, exit, err := i.call(ctx, command.stdin, command.args...)
	if err == nil && exit != 0 {
		if err = securityError(exit); errors.Is(err, keychain.ErrNotFound) {
			err = fmt.Errorf("%w: security(1) ended with status %d", keychain.ErrUnavailable, exit)
		}
	}
	i.remember(err)
	if err != nil {
		return fmt.Errorf("writing the keychain item: %w", err)
	}
	// The status alone proves nothing: the tool runs a line it could not read whole.
	back, _, err := i.read(ctx)
	if err != nil {
		return fmt.Errorf("reading back the keychain item: %w", err)
	}
	if !bytes.Equal(back, data) {
		return errors.New("reading back the keychain item: it is not what was written")
	}
	return nil
}

// command is a call of the tool.
type command struct {
	secret.Hidden
	stdin []byte
	args  []string
}

// command returns the call that stores data. It goes to the tool's stdin, since arguments
// can be read by every user of the machine; what is too long for that is an argument only
// where the person allows it. It fails with *UnwritableError, an ErrTooBig.
func (i *item) command(data []byte) (command, error) {
	line, err := addLine(i.service, i.account, data)
	if err == nil {
		return command{stdin: line, args: []string{"-i"}}, nil
	}
	unwritable := &UnwritableError{Place: itemPlace(i.service, i.account), cause: err,
		Reason: "with what other programs keep in it, it is too long for the stdin of security(1)"}
	if !i.argvAllowed {
		unwritable.Hint = "KEYTENDER_KEYCHAIN_ARGV=as-claude-code lets it go to security(1) as an argument, as Claude Code's own does"
		return command{}, unwritable
	}
	if hex.EncodedLen(len(data)) > longestArgument {
		unwritable.Reason = "with what other programs keep in it, it is too long for security(1)"
		unwritable.Hint = "sign out of MCP servers that you do not need in Claude Code"
		return command{}, unwritable
	}
	return command{args: []string{"add-generic-password", "-U", "-a", i.account, "-s", i.service, "-X",
		hex.EncodeToString(data)}}, nil
}

// addLine returns the line for `security -i` that stores data, or ErrTooBig. A part
// would destroy what other programs keep in the item.
func addLine(service, account string, data []byte) ([]byte, error) {
	command := "add-generic-password -U -a " + securityQuote(account, '"') + " -s " + securityQuote(service, '"')
	if line := command + ` -X "` + hex.EncodeToString(data) + "\"\n"; len(line) <= hexLine {
		return []byte(line), nil
	}
	if line := command + " -w " + securityQuote(string(data), '\'') + "\n"; len(line) <= plainLine {
		return []byte(line), nil
	}
	return nil, fmt.Errorf("%w: with what other programs keep in Claude Code's item it has %d bytes",
		keychain.ErrTooBig, len(data))
}

// securityQuote quotes for the tool's own splitting, which is no shell's: within
// quotes a backslash takes the next byte literally. Newlines cannot be quoted; no
// name and no compact JSON has any.
func securityQuote(text string, quote byte) string {
	q := string(quote)
	return q + strings.NewReplacer(`\`, `\\`, q, `\`+q).Replace(text) + q
}

// decodeSecret undoes what `find-generic-password -w` prints: the bytes and a newline,
// or all of it as hex when a byte is not printable ASCII. Text that looks like hex is
// ambiguous, but JSON never does.
func decodeSecret(out []byte) (data []byte, unclean bool) {
	out = bytes.TrimSuffix(out, []byte("\n"))
	if json.Valid(out) && out[0] == '{' {
		return out, false
	}
	if decoded, err := hex.DecodeString(string(out)); err == nil && len(decoded) > 0 {
		return decoded, true
	}
	return out, false
}

// securityError maps an exit status, the low byte of the system's own.
func securityError(exit int) error {
	switch exit {
	case 0:
		return nil
	case 44: // errSecItemNotFound
		return keychain.ErrNotFound
	case 36, 29: // errSecInteractionNotAllowed, errSecInteractionRequired: locked, or no screen to ask on
		return keychain.ErrLocked
	case 51, 128, 195: // errSecAuthFailed, cancelled or Deny, no write permission
		return keychain.ErrDenied
	case 45: // errSecDuplicateItem: the update was refused, or the default keychain is not searched
		return fmt.Errorf("%w: it refuses to replace the item (status 45)", keychain.ErrDenied)
	case 37, 50: // errSecNoDefaultKeychain, errSecNoSuchKeychain
		return fmt.Errorf("%w: there is no such keychain (status %d)", keychain.ErrUnavailable, exit)
	}
	return fmt.Errorf("%w: security(1) ended with status %d", keychain.ErrUnavailable, exit)
}
