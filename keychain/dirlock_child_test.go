package keychain

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// runLockChild makes the test binary a second program at the locks: KTTEST_LOCK names
// what it does, KTTEST_LOCK_HOME where.
func runLockChild() {
	home := os.Getenv("KTTEST_LOCK_HOME")
	switch os.Getenv("KTTEST_LOCK") {
	default:
		return
	case "hold": // both renewal locks until it is killed or stdin ends
		c, err := NewClaudeCode(ClaudeCodeConfig{Home: home, LookupEnv: noEnv, OwnerNote: os.Getenv("KTTEST_LOCK_NOTE")})
		if err != nil {
			fail(err)
		}
		lock, err := c.LockRenewal(context.Background(), 0)
		if err != nil {
			fail(err)
		}
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin)
		if err := lock.Release(); err != nil {
			fail(err)
		}
	case "count": // adds one to a file, 20 times, each under the lock
		for range 20 {
			l, err := lockRequest{path: home + "/count.lock", stale: 15 * time.Second, wait: time.Minute, now: time.Now}.take(context.Background())
			if err != nil {
				fail(err)
			}
			text, _ := os.ReadFile(home + "/count")
			n, _ := strconv.Atoi(string(text))
			time.Sleep(time.Millisecond)
			if err := os.WriteFile(home+"/count", []byte(strconv.Itoa(n+1)), 0o600); err != nil {
				fail(err)
			}
			if err := l.release(); err != nil {
				fail(err)
			}
		}
	}
	os.Exit(0)
}

func noEnv(string) (string, bool) { return "", false }

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
