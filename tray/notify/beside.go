//go:build !linux

package notify

import (
	"context"
	"os"
	"path/filepath"

	"keytender/assets"
	"keytender/internal/await"
)

// besideNotifier shows notifications by calls that know no limit: each runs beside us,
// and at most one at a time.
type besideNotifier struct {
	one  chan struct{}
	show func(Notice) error
}

func New(onAction func(Deed)) Notifier {
	return &besideNotifier{one: make(chan struct{}, 1), show: systemNotices(onAction)}
}

func (b *besideNotifier) Notify(ctx context.Context, n Notice) error {
	select {
	case b.one <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	return await.End(ctx, func() error {
		defer func() { <-b.one }()
		return b.show(n)
	})
}

func (b *besideNotifier) Close() error { return nil }

// iconFile puts the program's picture where the system can read it; without one the
// notification goes without a picture.
func iconFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	path := filepath.Join(dir, "keytender", "keytender.png")
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil ||
		os.WriteFile(path, assets.Icon("keytender-256.png"), 0o600) != nil {
		return ""
	}
	return path
}
