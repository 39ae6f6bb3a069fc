package autostart

import (
	"context"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// Changes reports, coalesced, that the entry may have changed. It is nil where that
// cannot be known; the channel closes when ctx ends.
func (e *Entry) Changes(ctx context.Context) <-chan struct{} {
	f, ok := e.place.(file)
	if !ok {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil
	}
	folder := filepath.Dir(f.path)
	watch := func() {
		if watcher.Add(folder) != nil {
			_ = watcher.Add(filepath.Dir(folder)) // where it will appear
		}
	}
	watch()
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		defer watcher.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-watcher.Events:
				if !ok {
					return
				}
				switch event.Name {
				case folder:
					watch()
				case f.path:
				default:
					continue
				}
				select {
				case changed <- struct{}{}:
				default:
				}
			case <-watcher.Errors: // a look once a minute finds what was missed
			}
		}
	}()
	return changed
}
