package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"keytender/internal/testguard"
)

// signedIn is an environment in which somebody is signed in, with a token that lasts.
func signedIn(t *testing.T) []string {
	t.Helper()
	server := fakeServer(t)
	env := bareEnv(t, server)
	cmd := exec.Command(programPath("keytender"), "import", "-")
	access, refresh := server.Issue("a@example.com")
	cmd.Stdin = strings.NewReader(fmt.Sprintf(
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":99999999999999,"scopes":["user:profile","user:inference"]}}`,
		access, refresh))
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return env
}

// TestExecTakesOurPlace: the command has our process, so every signal reaches it and does
// there what it would do without us, also those that we ignore ourselves.
func TestExecTakesOurPlace(t *testing.T) {
	env := signedIn(t)
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	for ending := range endingSignals {
		cmd := exec.CommandContext(ctx, programPath("keytender"), "exec", "--", "/bin/sh", "-c",
			`echo $$; read forever`)
		cmd.Env = env
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer input.Close()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if want := fmt.Sprint(cmd.Process.Pid); strings.TrimSpace(line) != want {
			t.Errorf("the command is process %s (%v), not our %s", line, err, want)
		}
		if err := cmd.Process.Signal(ending); err != nil {
			t.Fatal(err)
		}
		exit := &exec.ExitError{}
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != ending {
			t.Errorf("after %v: %v", ending, err)
		}
	}
}
