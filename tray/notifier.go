package tray

import "context"

// notifier shows notifications. Every call returns within its context's limit, and
// an error means that the person has seen nothing.
type notifier interface {
	Notify(ctx context.Context, n Notice) error
	Close() error
}
