package session

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// TrayLock is the file in the state folder that the running menu-bar app or agent holds.
const TrayLock = "tray.lock"

// aloneWait is longer than anybody holds the lock who only looks.
const aloneWait = 300 * time.Millisecond

// HoldAlone makes this process the one that tends the logins by itself, the menu-bar app or
// the agent, until release. release is nil while another one is.
func HoldAlone(stateDir string) (release func(), err error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(stateDir, TrayLock), flock.SetPermissions(0o600))
	// `keytender status` holds it for a moment to see whether we do.
	ctx, cancel := context.WithTimeout(context.Background(), aloneWait)
	defer cancel()
	ok, err := l.TryLockContext(ctx, aloneWait/10)
	switch {
	case ok:
		return func() { _ = l.Unlock() }, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, nil
	}
	return nil, err
}

// Tended reports whether the menu-bar app or the agent runs.
func (s *state) Tended() bool {
	l := flock.New(s.statePath(TrayLock), flock.SetFlag(0), flock.SetPermissions(0o600))
	defer l.Close()
	free, err := l.TryRLock()
	return err == nil && !free
}
