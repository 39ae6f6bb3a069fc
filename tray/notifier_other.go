//go:build !linux

package tray

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/gen2brain/beeep"

	"keytender/assets"
)

// plainNotifier has no buttons: what a person can do stands in the menu. The
// library's calls know no limit, so each runs beside us and at most one at a time.
type plainNotifier struct {
	one  chan struct{}
	icon func() string
}

func newNotifier(func()) notifier {
	beeep.AppName = AppName
	return &plainNotifier{one: make(chan struct{}, 1), icon: sync.OnceValue(func() string {
		path := iconFile()
		introduce(path)
		return path
	})}
}

// iconFile puts the program's picture where the system can read it; without one the
// notification goes without a picture.
func iconFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	path := filepath.Join(dir, "keytender", "keytender.png")
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil || os.WriteFile(path, assets.Icon("keytender-256.png"), 0o600) != nil {
		return ""
	}
	return path
}

func (p *plainNotifier) Notify(ctx context.Context, n Notice) error {
	select {
	case p.one <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-p.one }()
		done <- beeep.Notify(n.Title, n.Body, p.icon())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *plainNotifier) Close() error { return nil }
