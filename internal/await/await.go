// Package await runs what may not come back, and stops waiting for it when a context ends or a limit
// is over. It then goes on by itself: whoever calls sees to it that nothing is lost by that.
package await

import (
	"context"
	"time"
)

// Value returns what do brings, or ctx's error as soon as that ends.
func Value[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// End returns do's error, or ctx's as soon as that ends.
func End(ctx context.Context, do func() error) error {
	_, err := Value(ctx, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// Failure is End for what is well when it did not fail within the limit.
func Failure(ctx context.Context, limit time.Duration, do func() error) error {
	brief, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	failed := make(chan error, 1)
	err := End(brief, func() error {
		err := do()
		failed <- err
		return err
	})
	select {
	case err := <-failed:
		return err
	default:
	}
	if brief.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}
