package histories

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cutFile damages a file of the installation's; a doctor is asked to mend it.
func (h *history) cutFile(s step, name string) {
	h.Helper()
	path := filepath.Join(h.kt, name)
	data, err := os.ReadFile(path)
	if err != nil || len(data) < 10 {
		return
	}
	before := h.alive()
	h.must(os.WriteFile(path, []byte(strings.TrimRight(strings.TrimSpace(string(data)), "}")), 0o600))
	h.faulty, h.rem().lost = true, true
	h.command(s, "refresh", "--force")
	h.mendInstallation()
	for n, token := range before {
		if token != "" && !h.found(token) { // it lies in the file that was moved aside, and that is said
			h.excused[n] = "the store was damaged"
		}
	}
}

func (h *history) mendInstallation() {
	h.Helper()
	store := filepath.Join(h.kt, "credentials.json")
	mended := h.run("doctor", "--fix", "--yes").want(0, 1).code == 0 || h.run("accounts").code == 0
	if told := h.run("token").err; !mended || strings.Contains(told, store) && strings.Contains(told, "damaged") {
		_ = os.Rename(store, store+".aside-by-hand") // as the hint says
	}
	names := h.accountNames()
	for _, who := range everybody {
		if h.names[who] && !slices.Contains(names, string(who)) {
			h.Logf("  the account of %s is not listed any more", who)
			delete(h.names, who)
		}
	}
}

// stateGone is a state folder that somebody cleaned away.
func (h *history) stateGone(s step) {
	h.Helper()
	if len(h.names) == 0 || !exists(filepath.Join(h.kt, "state")) {
		return
	}
	h.must(os.RemoveAll(filepath.Join(h.kt, "state")))
	h.excuse(h.work.refresh(), "nobody tells of the other directory any more")
	h.faulty, h.rem().lost = true, true
	h.command(step{where: "home", what: s.what}, "refresh")
	h.command(step{where: "work", what: s.what}, "refresh")
	// Directories that nobody tells of any more are the person's: a command in each tells of them.
	h.command(step{where: "home", what: s.what}, "status")
	h.command(step{where: "work", what: s.what}, "status")
	h.mendInstallation()
}

// clockJumps sets the clock of this machine.
func (h *history) clockJumps(s step) {
	by := map[person]time.Duration{ann: 9 * time.Hour, bob: -26 * time.Hour, cat: 35 * 24 * time.Hour}[s.who]
	if s.where == "work" {
		by = 0
	}
	h.rem().offset = by
	h.environ["KTTEST_CLOCK"] = by.String()
	h.faulty = true
}

// died is a command that dies at a step of its renewal.
func died(h *history, begin func() *process, argument string) result {
	h.Helper()
	before := h.alive()
	h.environ["KTTEST_DIE"] = argument
	p := begin()
	delete(h.environ, "KTTEST_DIE")
	return h.ends(p, before)
}
