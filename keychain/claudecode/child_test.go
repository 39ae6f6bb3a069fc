package claudecode

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// runLockChild makes the test binary a second program at the locks: it holds
// them in KTTEST_LOCK_HOME.
func runLockChild() {
	home := os.Getenv("KTTEST_LOCK_HOME")
	if home == "" {
		return
	}
	// Both renewal locks until it is killed or stdin ends.
	c, err := Find(Config{Home: home, LookupEnv: noEnv, OwnerNote: os.Getenv("KTTEST_LOCK_NOTE")})
	if err != nil {
		fail(err)
	}
	wait, _ := time.ParseDuration(os.Getenv("KTTEST_LOCK_WAIT"))
	lock, err := c.LockRenewal(context.Background(), wait)
	if err != nil {
		fail(err)
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := lock.Release(); err != nil {
		fail(err)
	}
	os.Exit(0)
}

func noEnv(string) (string, bool) { return "", false }

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
