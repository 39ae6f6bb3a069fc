package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keytender/internal/config"
)

// rounds is how often each of two commands is run.
const rounds = 60

// build makes a program of this project as `make build` does, but for the version.
func build(output, pkg string, cgo bool, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", output + ".linked"}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if cgo {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", pkg, err, out)
	}
	// As the Makefile has it: what was written like any file starts faster than what the linker wrote.
	return copyProgram(output+".linked", output)
}

func (b *bench) size() error {
	info, err := os.Stat(b.keytender)
	if err != nil {
		return err
	}
	b.add("stripped command line", "under 9 MB", fmt.Sprintf("%.2f MB", float64(info.Size())/1e6), info.Size() < 9e6)
	return nil
}

const login = `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-bench","refreshToken":"sk-ant-ort01-FAKE-bench","expiresAt":99999999999999,"scopes":["user:profile","user:inference"]}}`

// imported is an environment in which keytender holds a login that does not end.
func (b *bench) imported(name, store string) ([]string, error) {
	env := append(slices.Clone(b.env), "KEYTENDER_HOME="+filepath.Join(b.dir, name), "KEYTENDER_STORE="+store)
	cmd := exec.Command(b.keytender, "import", "-")
	cmd.Env, cmd.Stdin = env, strings.NewReader(login)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("preparing the %s store: %w: %s", store, err, out)
	}
	return env, nil
}

func (b *bench) keychain() error {
	stop, err := b.session()
	if err != nil {
		return err
	}
	defer stop()
	env, err := b.imported("keychain", "keychain")
	if err != nil {
		return err
	}
	token := []string{b.keytender, "token"}
	lookup := []string{"secret-tool", "lookup", "service", "keytender", "username",
		"default" + config.ItemSuffix(filepath.Join(b.dir, "keychain"))}
	return errors.Join(
		b.compare("`keytender token`, OS keychain", 0.42, env, token, lookup, "`secret-tool lookup`"),
		b.compare("`keytender token`, OS keychain, read directly", 1, env, token, []string{b.childOnly, "token"},
			"the same read by go-keyring in a child"),
		b.compare("`keytender status`, OS keychain", 1.5, env, []string{b.keytender, "status"}, token,
			"`keytender token`"))
}

func (b *bench) file() error {
	env, err := b.imported("file", "file")
	if err != nil {
		return err
	}
	if err := build(b.bare, "./internal/bench/bareread", false); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "gh"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "gh", "hosts.yml"),
		[]byte("github.com:\n    oauth_token: FAKE\n    user: tester\n"), 0o600); err != nil {
		return err
	}
	token := []string{b.keytender, "token"}
	return errors.Join(
		b.compare("`keytender token`, file store", 0.1, env, token, []string{"gh", "auth", "token"}, "`gh auth token`"),
		b.compare("`keytender token`, file store", 2, env, token, []string{b.bare,
			filepath.Join(b.dir, "file", "credentials.json")}, "a bare Go program that reads the file"),
		b.compare("`keytender status`, file store", 1.5, env, []string{b.keytender, "status"}, token,
			"`keytender token`"),
		b.tools(env))
}

// tools are the commands that others run for a person: a prompt, a script, a hook.
func (b *bench) tools(env []string) error {
	// Where the client is not installed it is not asked; the key is what `which` finds.
	bare := append(slices.Clone(env), "PATH="+filepath.Join(b.dir, "empty"), "ANTHROPIC_API_KEY=FAKE")
	nothing, err := exec.LookPath("true")
	if err != nil {
		return err
	}
	status := []string{b.keytender, "status"}
	return errors.Join(
		b.compareAll("`keytender exec -- true`, file store", 1.5, env, []string{b.keytender, "exec", "--", nothing},
			[][]string{{b.keytender, "token"}, {nothing}}, "`keytender token` and `true`"),
		b.compare("`keytender which` without the client", 2, bare, []string{b.keytender, "which"}, status,
			"`keytender status`"),
		b.compare("`keytender statusline`", 2, env, []string{b.keytender, "statusline"}, status, "`keytender status`"),
		b.atOnce("`keytender statusline`", 5*time.Millisecond, env, []string{b.keytender, "statusline"}))
}

// atOnce wants a command to be done within a length of time.
func (b *bench) atOnce(what string, limit time.Duration, env, args []string) error {
	var times []time.Duration
	for range rounds {
		t, err := command{env, args}.once()
		if err != nil {
			return err
		}
		times = append(times, t)
	}
	m := median(times)
	b.add(what, fmt.Sprintf("under %d ms", limit.Milliseconds()), fmt.Sprintf("%.1f ms", milliseconds(m)), m < limit)
	return nil
}

// compare runs ours and its peer in turn and adds the row.
func (b *bench) compare(what string, limit float64, env []string, ours, peer []string, peerName string) error {
	return b.compareAll(what, limit, env, ours, [][]string{peer}, peerName)
}

// compareAll is compare with several commands that together do the same.
func (b *bench) compareAll(what string, limit float64, env []string, ours []string, peers [][]string,
	peerName string) error {
	goal := atMost(limit, peerName)
	for _, peer := range peers {
		if _, err := exec.LookPath(peer[0]); err != nil {
			b.rows = append(b.rows, row{what, goal, "not measured: " + peer[0] + " is not installed", ""})
			return nil
		}
	}
	commands := []command{{env, ours}}
	for _, peer := range peers {
		commands = append(commands, command{env, peer})
	}
	turns, err := inTurn(rounds, commands[0], commands[1:]...)
	if err != nil {
		return err
	}
	b.judge(what, goal, limit, turns)
	return nil
}

func atMost(limit float64, peerName string) string {
	return fmt.Sprintf("at most %s × %s", strings.TrimSuffix(fmt.Sprintf("%.2f", limit), "0"), peerName)
}

// command is a command line with its environment.
type command struct{ env, args []string }

// turn is what one run of ours took, and what its peers took together.
type turn struct{ ours, peers time.Duration }

// inTurn runs ours and its peers n times, after a few runs that do not count.
func inTurn(n int, ours command, peers ...command) ([]turn, error) {
	const warmUp = 3
	var turns []turn
	for range n + warmUp {
		var t turn
		var err error
		if t.ours, err = ours.once(); err != nil {
			return nil, err
		}
		for _, peer := range peers {
			took, err := peer.once()
			if err != nil {
				return nil, err
			}
			t.peers += took
		}
		turns = append(turns, t)
	}
	return turns[warmUp:], nil
}

// judge adds the row of a comparison.
func (b *bench) judge(what, goal string, limit float64, turns []turn) {
	var ours, peers []time.Duration
	var ratios []float64
	for _, t := range turns {
		ours, peers, ratios = append(ours, t.ours), append(peers, t.peers), append(ratios,
			float64(t.ours)/float64(t.peers))
	}
	r := median(ratios)
	b.add(what, goal, fmt.Sprintf("%.3f × (%.1f ms against %.1f ms)", r, milliseconds(median(ours)),
		milliseconds(median(peers))), r <= limit)
}

// once runs the command and returns its wall time.
func (c command) once() (time.Duration, error) {
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Env = c.env
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(c.args, " "), err, out)
	}
	return time.Since(begin), nil
}

func median[T float64 | time.Duration | int](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
