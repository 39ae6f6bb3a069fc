package dirlock

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// runLockChild makes the test binary a second program at the locks: it adds one to
// a file in KTTEST_LOCK_HOME, 20 times, each under the lock.
func runLockChild() {
	home := os.Getenv("KTTEST_LOCK_HOME")
	if home == "" {
		return
	}
	for range 20 {
		l, err := Wanted{Path: home + "/count.lock", Stale: 15 * time.Second, Wait: time.Minute,
			Now: time.Now}.Take(context.Background())
		if err != nil {
			fail(err)
		}
		text, _ := os.ReadFile(home + "/count")
		n, _ := strconv.Atoi(string(text))
		time.Sleep(time.Millisecond)
		if err := os.WriteFile(home+"/count", []byte(strconv.Itoa(n+1)), 0o600); err != nil {
			fail(err)
		}
		if err := l.Release(); err != nil {
			fail(err)
		}
	}
	os.Exit(0)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
