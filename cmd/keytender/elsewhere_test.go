package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keytender/internal/testguard"
)

// Stand-ins for other machines and for containers: each is a folder in $ELSEWHERE with a home
// in it, in which the command is run, with nothing of our environment but the PATH.

// hostOf is the folder of a host or container.
func hostOf(name string) string { return filepath.Join(os.Getenv("ELSEWHERE"), name) }

// fakeSSH runs a command on a "host" as sshd does: its login shell gets one line.
func fakeSSH(args []string) int {
	i := slices.Index(args, "--")
	if i < 0 || len(args) != i+3 {
		return refuse(2, "usage: ssh [options] -- host command")
	}
	host, command := args[i+1], args[i+2]
	if !slices.Contains(args[:i], "BatchMode=yes") {
		time.Sleep(testguard.Patience) // it asks, and nobody answers
	}
	name := host[strings.LastIndex(host, "@")+1:]
	switch {
	case name == "asks":
		return refuse(255, host+": Permission denied (publickey,password).")
	case name == "new":
		return refuse(255,
			"No ED25519 host key is known for new and you have requested strict checking.\r\nHost key verification failed.\r")
	case name == "silent":
		time.Sleep(testguard.Patience)
	case !isDir(hostOf(name)):
		return refuse(255, "ssh: Could not resolve hostname "+name+": Name or service not known")
	case isThere(filepath.Join(hostOf(name), "down")):
		return refuse(255, "ssh: connect to host "+name+" port 22: No route to host")
	}
	fmt.Println("Welcome to " + name) // as a shell's own file may
	return inside(hostOf(name), "/bin/sh", "-c", command)
}

// fakeContainers is docker or podman with these containers.
func fakeContainers(tool string) func() {
	return func() {
		args := os.Args[1:]
		os.Exit(func() int {
			switch {
			case len(args) == 3 && args[0] == "container" && args[1] == "inspect" && owns(tool, args[2]):
				fmt.Println("[{}]")
				return 0
			case len(args) < 4 || args[0] != "exec" || args[1] != "-i":
				return refuse(1, "unknown command")
			case !owns(tool, args[2]):
				return refuse(1, map[string]string{"docker": "Error response from daemon: No such container: " +
					args[2],
					"podman": `Error: no container with name or ID "` + args[2] + `" found: no such container`}[tool])
			case isThere(filepath.Join(hostOf(args[2]), "down")):
				return refuse(1, "Error response from daemon: container "+args[2]+" is not running")
			}
			return inside(hostOf(args[2]), args[3], args[4:]...)
		}())
	}
}

func owns(tool, name string) bool {
	return isDir(hostOf(name)) && isThere(filepath.Join(hostOf(name), "podman")) == (tool == "podman")
}

func refuse(code int, words string) int {
	fmt.Fprintln(os.Stderr, words)
	return code
}

// inside runs a command in the home of a host, or of a container. Whatever of ours shows there
// would be in the machine's list of processes.
func inside(host, name string, args ...string) int {
	if open := strings.Join(append(os.Args, os.Environ()...), " "); strings.Contains(open, "sk-ant-o") {
		return refuse(99, "a token is in an argument or in the environment")
	}
	cmd := exec.Command(name, args...)
	home := filepath.Join(host, "home")
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=/usr/bin:/bin", "GORACE=" + testguard.RaceOptions}
	if config, err := os.ReadFile(filepath.Join(host, "config-dir")); err == nil {
		cmd.Env = append(cmd.Env, "CLAUDE_CONFIG_DIR="+filepath.Join(host, strings.TrimSpace(string(config))))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	exit := &exec.ExitError{}
	switch err := cmd.Run(); {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		return refuse(126, `OCI runtime exec failed: exec: "`+name+`": executable file not found in $PATH`)
	}
	return 0
}

// retryNow lets the pause pass after which a place elsewhere is asked again: soon.
func retryNow(ts *testscript.TestScript, _ bool, _ []string) {
	path := ts.MkAbs("kt/state/ledger.json")
	text, err := os.ReadFile(path)
	ts.Check(err)
	later := regexp.MustCompile(`"retry": ?"[^"]+"`)
	if !later.Match(text) {
		ts.Fatalf("no place waits to be asked again")
	}
	ts.Check(os.WriteFile(path, later.ReplaceAll(text, []byte(`"retry":"2020-01-01T00:00:00Z"`)), 0o600))
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
