package histories

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
)

// Further steps: places that are lent to or let go of, accounts that are renamed or removed,
// doctor, watch-only, and an agent that runs beside the commands.

func (h *history) lentDir() string { return filepath.Join(h.home, "lent") }

// lendOut lends a login to a directory of its own.
func (h *history) lendOut(s step) {
	h.Helper()
	if h.names[s.who] {
		h.command(s, "lend", h.lentDir(), "--account", string(s.who))
		h.lentHoldsNoRefresh()
	}
}

func (h *history) lendBack(s step) {
	h.Helper()
	h.command(s, "lend", "--back", "--all")
	h.lentHoldsNoRefresh()
}

// lentHoldsNoRefresh: what is lent renews nothing.
func (h *history) lentHoldsNoRefresh() {
	h.Helper()
	if h.lentIsWhole {
		return
	}
	if data, err := os.ReadFile(filepath.Join(h.lentDir(), ".credentials.json")); err == nil &&
		strings.Contains(string(data), "sk-ant-ort01-") {
		h.Fatalf("a refresh token was lent")
	}
}

// rename gives an account another name and then its own again.
func (h *history) rename(s step) {
	h.Helper()
	if !h.names[s.who] {
		return
	}
	other := string(s.who) + "-2"
	h.command(s, "accounts", "rename", string(s.who), other)
	if strings.Contains(h.run("accounts", "--json").out, `"name":"`+other+`"`) {
		h.run("accounts", "rename", other, string(s.who)).want(0)
	}
}

func (h *history) watchOnAndOff(s step) {
	h.Helper()
	r := h.command(s, "watch", "on")
	if r.code == 0 && len(h.names) > 0 {
		h.Fatalf("watch-only, and there are logins: %v", r)
	}
	h.run("watch", "off").want(0)
}

func (h *history) doctor(s step) {
	h.Helper()
	h.command(s, "doctor", "--fix")
}

func (h *history) doctorAndBack(s step) {
	h.Helper()
	if h.rem().lost { // what was mended then would be damaged again
		return
	}
	h.command(s, "doctor", "--fix")
	h.run("doctor", "--undo").want(0, 1)
}

// withAgent is a command beside an agent that has just begun.
func withAgent(h *history, begin func() *process, argument string) result {
	h.Helper()
	agent := h.shell().start("agent")
	p := begin()
	r := p.wait()
	time.Sleep(150 * time.Millisecond)
	agent.signal(syscall.SIGTERM)
	agent.wait()
	return r
}

// stopped is a command that is stopped for a moment so many milliseconds after it began.
func stopped(h *history, begin func() *process, argument string) result {
	h.Helper()
	n := 0
	for _, c := range argument {
		n = n*10 + int(c-'0')
	}
	p := begin()
	time.Sleep(time.Duration(n) * time.Millisecond)
	p.signal(syscall.SIGSTOP)
	time.Sleep(80 * time.Millisecond)
	p.signal(syscall.SIGCONT)
	return p.wait()
}

// stays is a server that leaves the refresh token as it is.
func stays(h *history, begin func() *process, _ string) result {
	h.Helper()
	h.faults(faults.Without("refresh_token").For("renew").Repeat(fakeclaude.Forever))
	defer h.faults()
	return begin().wait()
}

// TestLetGoSaysWhatComes: Claude Code in a directory that was let go of sends its spent token, and
// that ends the login everywhere. Whoever lets go of one is told that, not that Claude Code will ask
// there to sign in.
func TestLetGoSaysWhatComes(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.work.make()
		w.work.shell().run("mirror").want(0)
		r := w.run("places", "forget", "file:"+w.work.file()).want(0)
		w.run("refresh", "--force").want(0)
		w.work.renew()
		if w.cc.alive() {
			return
		}
		r.says("everywhere", "ends the login", "login ends", "sign out there", "auth logout")
	})
}
