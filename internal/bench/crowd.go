package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"keytender/internal/fakeclaude"
)

func (b *bench) crowd() error {
	const askers = 1000
	server, err := fakeclaude.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	access, refresh := server.Issue("a@example.com")
	// A home of its own: what other measurements left in Claude Code's entry may be newer tokens
	// of this login, and then nothing is sent.
	home := filepath.Join(b.dir, "crowd")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	env := append(append(slices.Clone(b.env), "HOME="+home, "KEYTENDER_HOME="+filepath.Join(home, "kt"),
		"KEYTENDER_STORE=file"), server.Env()...)
	cmd := exec.Command(b.keytender, "import", "-")
	cmd.Env = env
	cmd.Stdin = strings.NewReader(fmt.Sprintf(
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":1,"scopes":["user:profile","user:inference"]}}`,
		access, refresh))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
		tokens = map[string]bool{}
	)
	ask := func() time.Duration {
		begin := time.Now()
		for range askers {
			wg.Go(func() {
				cmd := exec.Command(b.keytender, "token")
				cmd.Env = env
				out, err := cmd.Output()
				mu.Lock()
				defer mu.Unlock()
				tokens[string(out)] = true
				if err != nil {
					failed = err
				}
			})
		}
		wg.Wait()
		return time.Since(begin)
	}
	took := ask()
	startup := ask() // the same crowd with nothing to renew
	posts := server.Count("renew")
	b.add("1,000 `token` at once while expired", "one POST, in at most 1.5 × start-up alone",
		fmt.Sprintf("%.2f s (%d POST, %d different answers; start-up alone %.2f s)", took.Seconds(), posts, len(tokens),
			startup.Seconds()),
		failed == nil && posts == 1 && len(tokens) == 1 && took <= startup*3/2)
	return failed
}
