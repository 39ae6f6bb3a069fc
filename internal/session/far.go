package session

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"keytender/internal/bounded"
	"keytender/internal/dirlock"
	"keytender/internal/ledger"
	"keytender/internal/program"
	"keytender/internal/shown"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// A place that is lent to on another machine, or in a container, is written by a shell there.
// The token goes through its stdin, never in an argument or a variable, and no refresh token
// ever leaves, in either direction. Asking takes seconds and may hang, so it has a limit, comes
// after the renewal, and is done without our lock and Claude Code's.

// far reports whether the place is not on this machine.
func (at lentTo) far() bool { return at.SSH != "" || at.Container != "" }

// farLimit is how long one call may take. Tests shorten it.
var farLimit = 10 * time.Second

// farWait is how long another of us that is at work in these places is waited for.
const farWait = 25 * time.Second

// holdFar keeps two of us from writing into places elsewhere at the same time: an older token
// would come after a newer one, and one that was taken back would be there again. Whoever takes
// our own lock, too, takes it after this one.
func (n lending) holdFar(ctx context.Context, wait time.Duration) (release func(), err error) {
	if err := os.MkdirAll(n.config.Paths.State, 0o700); err != nil {
		return nil, n.storageTrouble(FaultStateFolder, "", err)
	}
	l := flock.New(n.statePath("lent.lock"), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ok, err := l.TryLock() // once in any case, however late a busy machine is
	if !ok && err == nil {
		ok, err = l.TryLockContext(ctx, 50*time.Millisecond)
	}
	switch {
	case ok:
		return func() { _ = l.Unlock() }, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, busyAs(FaultFarBusy, dirlock.ErrBusy)
	default:
		return nil, err
	}
}

// holdAnyFar is holdFar where something is lent elsewhere.
func (n lending) holdAnyFar(ctx context.Context) (release func(), err error) {
	l, err := n.ledger()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(l.Places, func(p *ledger.Place) bool { return p.Far }) {
		return n.holdFar(ctx, farWait)
	}
	return func() {}, nil
}

// lendFar lends to a place elsewhere.
func (n lending) lendFar(ctx context.Context, at lentTo, replace bool) (PlaceStatus, error) {
	release, err := n.holdFar(ctx, farWait)
	if err != nil {
		return PlaceStatus{}, err
	}
	defer release()
	r, err := n.toLend(ctx)
	if err != nil {
		return PlaceStatus{}, err
	}
	lentBefore := r.l.Place(at.placeID(r.entries)) != nil
	place, takeBack, err := r.expectLent(at)
	r.end()
	if err != nil {
		return PlaceStatus{}, err
	}
	kept, writeErr := r.lentCopies().writeFar(ctx, place, r.current,
		farWriting{make: claudecode.MakeLent, replace: replace})
	w, err := n.begin(context.WithoutCancel(ctx), lockWait)
	if err != nil {
		return PlaceStatus{}, err
	}
	defer w.end()
	now := w.l.Place(place.ID)
	switch {
	case errors.Is(writeErr, claudecode.ErrShellUnsure) && now != nil && !lentBefore:
		w.lentCopies().mayLie(now, r.current, writeErr)
		return PlaceStatus{}, failedBy(codeNotLent, FaultLendUnsure,
			Values{Place: at.String(), Because: reasonOf(now)}, writeErr)
	case writeErr != nil:
		takeBack(w)
		return PlaceStatus{}, notLent(at, writeErr)
	case now == nil || w.l.ChainOf(r.account) == nil:
		return PlaceStatus{}, noAccount(r.account) // signed out meanwhile
	}
	r.work = w
	st, err := r.lent(now)
	st.Kept = kept
	return st, err
}

// mayLie keeps a place that may hold the token although nothing was lent to it: `lend --back`
// and whoever signs out take it out there.
func (w lentCopies) mayLie(p *ledger.Place, c keychain.Credential, err error) {
	w.noteLent(p, &c)
	p.Leaving = true
	because(p, reasonFor(err))
}

// bringFar brings up what is behind elsewhere, all at once. It returns when to ask again;
// zero: nothing is behind.
func (n lending) bringFar(ctx context.Context) (next time.Time) {
	l, err := n.ledger()
	if err != nil || n.watches(l) {
		return time.Time{}
	}
	due, next := l.FarBehind(n.wall())
	if len(due) == 0 {
		return next
	}
	release, err := n.holdFar(ctx, 0)
	if err != nil {
		return n.wall().Add(pollInterval / 2) // another of us is at it
	}
	defer release()
	if l, err = n.ledger(); err != nil {
		return time.Time{}
	}
	(&work{Engine: n.Engine, l: l}).lentCopies().bringFar(ctx)
	if l, err = n.ledger(); err != nil {
		return time.Time{}
	}
	if due, next = l.FarBehind(n.wall()); len(due) > 0 {
		return n.wall().Add(pollInterval / 2)
	}
	return next
}

// bringFar does the work of Engine.bringFar with a ledger that was read without our lock.
func (w lentCopies) bringFar(ctx context.Context) {
	due, _ := w.l.FarBehind(w.wall())
	current := make([]keychain.Credential, len(due))
	problems := make([]error, len(due))
	var all sync.WaitGroup
	for i, p := range due {
		c, err := w.vault(w.l).load(ctx, p.Account)
		if chain := w.l.ChainOf(p.Account); err != nil || chain.Current().Access != pairOf(&c).Access ||
			!w.validFor(&c, 0) {
			continue // no news for it; whoever renews brings some
		}
		current[i] = c
		all.Go(func() { problems[i] = w.writeLent(ctx, p, &c) })
	}
	all.Wait()
	if ctx.Err() != nil { // what was not done is told as that by nobody
		return
	}
	now, err := w.begin(ctx, lockWait)
	if err != nil {
		return
	}
	defer now.end()
	for i, p := range due {
		if there := now.l.Place(p.ID); there != nil && !current[i].Access.IsZero() {
			now.lentCopies().lentOr(there, &current[i], problems[i])
		}
	}
}

// farWriting is how a token is written elsewhere.
type farWriting struct {
	make    claudecode.Making
	replace bool
}

// farRenewal is how it is brought up. A container is thrown away and made anew under its name,
// and its directories with it; a host's directory that is not there may be on a disk that is
// away.
func farRenewal(at lentTo) farWriting {
	if at.Container != "" {
		return farWriting{make: claudecode.MakeDirectory}
	}
	return farWriting{make: claudecode.MakeNothing}
}

// writeFar writes the access token into a place elsewhere. A login that is displaced is kept
// beside it, where it lies: its refresh token is nothing for this machine.
func (w lentCopies) writeFar(ctx context.Context, p *ledger.Place, c keychain.Credential, how farWriting) (kept string,
	err error) {
	at, lent, absent := lentWhere(p), lendable(c), false
	err = farShell(ctx, at, how.make, func(s claudecode.Shell) (err error) {
		_, kept, err = s.UpdateEntry(func(now claudecode.Entry) (claudecode.Change, bool, error) {
			absent = now.State == claudecode.Absent
			others := w.isOthers(p, now)
			if others && !how.replace {
				return claudecode.Change{}, false, errOwnLogin
			}
			_, ours := w.l.Identify(pairOf(&now.Login))
			return claudecode.Change{SignIn: &lent, NewLogin: true}, others && !ours, nil
		})
		return err
	})
	if err != nil || !absent && how.make != claudecode.MakeLent {
		return kept, err
	}
	introduce := func(s claudecode.Shell) error { return s.Introduce(identityFor(c)) }
	if err := farShell(ctx, at, claudecode.MakeNothing, introduce); err != nil {
		w.log.Warn("Claude Code's state file elsewhere was not written", "place", p.ID, "reason", plain(err))
	}
	return kept, nil
}

func updateFar(ctx context.Context, at lentTo, decide func(claudecode.Entry) (claudecode.Change, error)) error {
	return farShell(ctx, at, claudecode.MakeNothing, func(s claudecode.Shell) error {
		_, _, err := s.UpdateEntry(func(now claudecode.Entry) (claudecode.Change, bool, error) {
			change, err := decide(now)
			return change, false, err
		})
		return err
	})
}

// farShell runs the shell elsewhere, and has use speak with it.
func farShell(ctx context.Context, at lentTo, how claudecode.Making, use func(claudecode.Shell) error) error {
	ctx, cancel := context.WithTimeout(ctx, farLimit)
	defer cancel()
	cmd, err := at.command(ctx)
	if err != nil {
		return err
	}
	said := bounded.Keep(4 << 10)
	cmd.Stderr, cmd.WaitDelay = said, time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	program.OwnGroup(cmd, out)
	if err := cmd.Start(); err != nil {
		return at.fault(FaultToolUnstartable, plain(err), err)
	}
	usedErr := use(claudecode.Shell{In: in, Out: out, Dir: at.Dir, Make: how})
	_ = in.Close()
	endErr := cmd.Wait()
	switch {
	case errors.Is(usedErr, claudecode.ErrShellGone):
		return at.fault(FaultFarGone, "", errGone)
	case errors.Is(usedErr, claudecode.ErrShellBusy), errors.Is(usedErr, claudecode.ErrShellLink):
		return at.fault(FaultFarShell, usedErr.Error(), usedErr)
	case usedErr == nil, errors.Is(usedErr, errOwnLogin), errors.Is(usedErr, keychain.ErrDamaged):
		return usedErr // what was read there counts more than how the program ended
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return at.fault(FaultFarSilent, "", errors.Join(context.DeadlineExceeded, usedErr))
	case ctx.Err() != nil:
		return errors.Join(ctx.Err(), usedErr)
	case endErr == nil:
		return usedErr
	}
	return at.explain(string(said.Bytes()), errors.Join(usedErr, endErr))
}

// command is the program that runs the shell.
func (at lentTo) command(ctx context.Context) (*exec.Cmd, error) {
	if at.SSH != "" {
		path, err := exec.LookPath("ssh")
		if err != nil {
			return nil, at.fault(FaultNoSSH, "", err)
		}
		// BatchMode: nobody is asked for a password, which nobody would see. A shared connection
		// is used where there is one, and none is left behind, which would hold our pipes.
		return exec.CommandContext(ctx, path, "-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o",
			"ControlMaster=no",
			"-o", "ClearAllForwardings=yes", "--", at.SSH, "sh -c '"+claudecode.ShellScript()+"'"), nil
	}
	path := at.Tool
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath(at.tool()); err != nil {
			return nil, at.fault(FaultToolGone, "", err)
		}
	}
	return exec.CommandContext(ctx, path, "exec", "-i", at.Container, "sh", "-c", claudecode.ShellScript()), nil
}

// tool is the program's name for people.
func (at lentTo) tool() string {
	if at.SSH != "" {
		return "ssh"
	}
	return strings.TrimSuffix(filepath.Base(at.Tool), ".exe")
}

// tryIt is what a person runs to see what is wrong.
func (at lentTo) tryIt() string {
	if at.SSH != "" {
		return "ssh -o BatchMode=yes " + at.SSH + " true"
	}
	return at.tool() + " exec -i " + at.Container + " true"
}

// fault is why the place was not reached.
func (at lentTo) fault(f Fault, reason string, cause error) *Error {
	return failedBy(codeNotReached, f, Values{Place: at.String(), Host: at.SSH + at.Container, Path: at.tool(),
		Reason: reason, Repair: at.tryIt(), Limit: farLimit}, cause)
}

// refusals are what the programs say, the beginning of it in lower case, and what that means.
var refusals = []struct {
	ssh, container string
	fault          Fault
}{
	{ssh: "host key verification", fault: FaultHostKey},
	{ssh: "permission denied", fault: FaultHostAsks},
	{ssh: "could not resolve", fault: FaultNoHost},
	{container: "no such container", fault: FaultNoContainer},
	{container: "no container with", fault: FaultNoContainer},
	{container: "not running", fault: FaultContainerStopped},
	{container: "container state improper", fault: FaultContainerStopped},
	{container: "cannot connect to", fault: FaultToolSilent},
	{container: "permission denied while", fault: FaultToolDenied},
	{container: "executable file not", fault: FaultNoShell},
}

// explain says why the shell did not come to its end. What the programs say may come from
// elsewhere: it is cut and cleaned.
func (at lentTo) explain(said string, cause error) error {
	low := strings.ToLower(said)
	for _, r := range refusals {
		sign := r.ssh
		if at.Container != "" {
			sign = r.container
		}
		if sign == "" || !strings.Contains(low, sign) {
			continue
		}
		if r.fault == FaultNoContainer {
			cause = errGone
		}
		return at.fault(r.fault, "", cause)
	}
	if lines := strings.Split(strings.TrimSpace(said), "\n"); lines[len(lines)-1] != "" {
		return at.fault(FaultFarSaid, shown.Cut(shown.Line(lines[len(lines)-1]), 200), cause)
	}
	return at.fault(FaultFarUnwritten, "", cause)
}

// findContainerTool returns the program that knows the container. Where both are installed
// each is asked.
func findContainerTool(ctx context.Context, name string) (string, error) {
	var found []string
	for _, tool := range []string{"docker", "podman"} {
		if path, err := exec.LookPath(tool); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		return "", failedAs(codeNoContainerTool, FaultNoContainerTool, exec.ErrNotFound)
	}
	for _, path := range found[1:] {
		if !knowsContainer(ctx, found[0], name) && knowsContainer(ctx, path, name) {
			return path, nil
		}
	}
	return found[0], nil
}

func knowsContainer(ctx context.Context, tool, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, farLimit/2)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "container", "inspect", name)
	cmd.WaitDelay = time.Second
	out := bounded.Keep(1)
	cmd.Stdout = out
	return cmd.Run() == nil && !bytes.Equal(out.Bytes(), nil)
}
