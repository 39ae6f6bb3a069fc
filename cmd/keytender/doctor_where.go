package main

import (
	"context"
	"os"
	"strings"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
	"keytender/tray/autostart"
)

// checkSurroundings recognises where the program runs, and says what that means, and looks
// at what the menu-bar app needs of a desktop.
func (c *console) checkSurroundings(ctx context.Context) []words.Check {
	ok := func(detail, means string) words.Check {
		return words.Check{Name: "surroundings", State: session.CheckOK, Detail: detail, Means: means}
	}
	var checks []words.Check
	if isWSL() {
		checks = append(checks, ok("this is WSL (Linux inside Windows)",
			"a browser of Windows comes back to localhost here only while WSL forwards it; else use `keytender login --method paste`. Claude Code of Windows has an entry of its own"))
	}
	if isContainer(c.lookup) {
		checks = append(checks, ok("this is a container",
			"its files go with it unless they lie on a volume, and a browser outside does not reach its localhost: use `keytender login --method paste`"))
	}
	if c.overSSH() {
		checks = append(checks, ok("you are connected over SSH",
			"no browser is opened here, and a desktop's keychain may be locked: use `keytender login --method paste`"))
	}
	if len(checks) == 0 {
		checks = append(checks, ok("neither WSL nor a container, and not over SSH", ""))
	}
	return append(append(checks, c.checkDesktop(ctx)...), checkAutostart()...)
}

// checkAutostart looks for what is to start with the session and cannot: an update may have
// moved it.
func checkAutostart() (checks []words.Check) {
	for _, s := range []struct {
		prepare func(program string) (*autostart.Entry, error)
		again   string
	}{{autostart.New, "keytender autostart on"}, {autostart.NewAgent, "keytender autostart on --agent"}} {
		e, err := s.prepare("")
		if err != nil {
			continue // nothing can be set to start here
		}
		if state, err := e.State(); err == nil && state.Stale {
			checks = append(checks, words.Check{Name: "autostart", State: session.CheckWarn,
				Detail: state.Program + " is to be started with your session, and is not there any more",
				Means:  "nothing starts, so nobody tells you before the login ends",
				Hint:   "`" + s.again + "` names the one beside this program"})
		}
	}
	return checks
}

// Where Linux says what it runs in. Tests put others in their place.
var (
	kernelRelease  = "/proc/sys/kernel/osrelease"
	containerMarks = []string{"/.dockerenv", "/run/.containerenv"}
)

func isWSL() bool {
	release, err := os.ReadFile(kernelRelease)
	return err == nil && strings.Contains(strings.ToLower(string(release)), "microsoft")
}

func isContainer(lookup func(string) (string, bool)) bool {
	if kind, ok := lookup("container"); ok && kind != "" { // systemd-nspawn and podman say so
		return true
	}
	for _, mark := range containerMarks {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}
