package tray

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"keytender/internal/session"
	"keytender/internal/testguard"
	"keytender/tray/traytest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("KTTEST_TRAY_STATE"); dir != "" {
		os.Exit(runChild(dir))
	}
	os.Exit(testguard.Run(m))
}

// runChild is the whole app in a process of its own, with the real toolkit and
// notifications, over a fake engine: what is asked of the engine is printed, and a
// status is taken from each line of stdin.
func runChild(dir string) int {
	engine := newFakeEngine(session.Status{State: session.SignedOut, Account: "default"})
	engine.report = func(call string) { fmt.Println(call) }
	engine.signIn = func(ctx context.Context, o session.SignInOptions, tell func(session.Event)) (session.Status,
		error) {
		tell(session.Event{Kind: session.EventSignInURL, Value: "https://example.com/authorize?state=FAKE"})
		tell(session.Event{Kind: session.EventWaiting, Left: 5 * time.Minute})
		select {
		case <-ctx.Done():
			return engine.Status(ctx), ctx.Err()
		case <-engine.allow:
		}
		s := traytest.SignedIn(time.Now())
		engine.set(s)
		return s, nil
	}
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			if in.Text() == "allow" {
				engine.allow <- struct{}{}
				continue
			}
			var s session.Status
			if err := json.NewDecoder(strings.NewReader(in.Text())).Decode(&s); err != nil {
				fmt.Println("bad status:", err)
				continue
			}
			engine.set(s)
		}
	}()
	return Run(context.Background(), engine, Options{StateDir: dir})
}
