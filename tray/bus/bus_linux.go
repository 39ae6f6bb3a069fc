// Package bus connects to the session bus of a Linux desktop.
package bus

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/await"
)

// Wait bounds everything we ask of the session bus: it answers in milliseconds
// or not at all.
const Wait = 2 * time.Second

// Dial connects to the session bus, privately: the connection that the libraries
// share delivers one user's signals to another. It never starts a bus.
func Dial(ctx context.Context) (*dbus.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, Wait)
	defer cancel()
	// The connection lives on when ctx ends, but not one that is still being made.
	life, end := context.WithCancel(context.Background())
	conn, err := await.Value(ctx, func() (*dbus.Conn, error) {
		conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(life))
		if err != nil {
			return nil, err
		}
		if err = conn.Auth(nil); err == nil {
			err = conn.Hello()
		}
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	})
	if err != nil {
		end()
		return nil, err
	}
	context.AfterFunc(conn.Context(), end)
	return conn, nil
}
