package histories

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Further steps: what a person, other programs and older clients do besides. Some of them take steps
// themselves, so the table of all steps cannot name them.
func init() {
	for name, act := range map[string]func(*history, step){
		"backup made":         (*history).backupMade,
		"backup restored":     (*history).backupRestored,
		"copied and mirrored": func(h *history, s step) { h.copied(s, "mirror") },
		"copied and seen":     func(h *history, s step) { h.copied(s, "refresh") },
		"other switcher":      (*history).otherSwitcher,
		"entry removed":       (*history).entryRemoved,
		"entry reformatted":   (*history).entryReformatted,
		"state file gone":     func(h *history, s step) { _ = os.Remove(h.place(s.where).state) },
		"unknown keys":        (*history).unknownKeys,
		"old client signs in": (*history).oldClientSignsIn,
		"old client renews":   (*history).oldClientRenews,
		"client died":         (*history).clientDied,
		"server ends it":      (*history).serverEndsIt,
		"forget":              (*history).forgetPlace,
		"logout keep":         (*history).signOutKeep,
		"logout revoke":       (*history).signOutRevoke,
		"second name":         (*history).secondName,
		"take over unnamed":   (*history).takeOverUnnamed,
		"login long":          (*history).loginLong,
		"mirror account":      func(h *history, s step) { h.command(s, "mirror", "--account", string(s.who)) },
		"refresh account": func(h *history, s step) {
			h.command(s, "refresh", "--account", string(s.who), "--force")
		},
		"lent signs in":       (*history).lentSignsIn,
		"lent copied":         (*history).lentCopied,
		"away":                (*history).away,
		"moved behind a link": (*history).movedBehindLink,
		"ledger cut":          func(h *history, s step) { h.cutFile(s, "state/ledger.json") },
		"clock":               (*history).clockJumps,
		"two refresh":         func(h *history, s step) { h.two(s, "refresh --force", "refresh --force") },
		"two switch":          func(h *history, s step) { h.two(s, "switch "+string(s.who), "refresh --force") },
		"two switches":        func(h *history, s step) { h.two(s, "switch ann", "switch bob") },
		"two mirror":          func(h *history, s step) { h.two(s, "mirror", "token --min-valid 7h59m") },
		"two undo":            func(h *history, s step) { h.two(s, "mirror --undo", "refresh --force") },
		"two doctor":          func(h *history, s step) { h.two(s, "doctor --fix --yes", "refresh --force") },
		"two logins":          (*history).twoLogins,
		"login and renewal":   (*history).loginAndRenewal,
		"rename and renewal":  (*history).renameAndRenewal,
		"import and switch":   (*history).importAndSwitch,
		"two places":          func(h *history, s step) { h.twoPlaces(s) },
		"state gone":          (*history).stateGone,
		"store cut":           func(h *history, s step) { h.cutFile(s, "credentials.json") },
		"replaced":            (*history).replaced,
	} {
		acts[name] = act
		further = append(further, name)
	}
	slices.Sort(further)
	for _, name := range []string{"prepared", "intent", "answered", "kept", "mirrored", "noted", "locked",
		"claude-code-locked", "written", "spilled"} {
		twistedFurther = append(twistedFurther, "die "+name)
	}
	twistedFurther = append(twistedFurther, "linked", "linked", "slash", "busy", "swapped", "swapped")
	twists["die"], twists["busy"], twists["swapped"] = died, whileBusy, swappedMeanwhile
	twists["linked"], twists["slash"] = twists[""], twists[""]
}

// further are the names of those, each of which comes as often as the others, in histories that somebody asks for
// by their number: `make test` plays those that are known to say the same on any machine.
var further, twistedFurther []string

// remembered is what further steps have to know of each other.
type remembered struct {
	saved   map[*client][2][]byte // entry and state file
	swapped map[*client]map[person][2][]byte
	lent    *client
	offset  time.Duration
	gone    map[int]bool // signed out of on purpose
	lost    bool         // the ledger was
	tangled bool         // a command was killed, or a former directory came back
	mixed   bool         // tokens lie, or lay, beside the ids of another person
}

func (h *history) rem() *remembered {
	if h.memory == nil {
		h.memory = &remembered{saved: map[*client][2][]byte{}, swapped: map[*client]map[person][2][]byte{},
			gone: map[int]bool{}}
	}
	return h.memory
}

// forgetPlace lets go of a place, and takes the login out of it by hand.
func (h *history) forgetPlace(s step) {
	h.Helper()
	c := h.place(s.where)
	if !h.regular(c) || c.refresh() == "" {
		return
	}
	r := h.run("places", "forget", "file:"+c.file())
	if r.code == 0 {
		h.overwritten(c)
		h.must(os.Remove(c.file()))
		c.others = document{}
	}
}

func (h *history) signOutKeep(s step) {
	h.Helper()
	if !h.names[s.who] {
		return
	}
	newest := h.server.Newest(h.wanted[s.who].token)
	inEntry := newest != "" && (h.cc.refresh() == newest || h.work.refresh() == newest)
	h.goes(s.who)
	delete(h.wanted, s.who)
	r := h.command(s, "logout", "--account", string(s.who), "--yes", "--keep-claude-code")
	if r.code != 0 {
		h.names[s.who] = slices.Contains(h.accountNames(), string(s.who))
		return
	}
	delete(h.names, s.who)
	if inEntry && h.excused[h.server.Login(newest)] == "" && h.server.Newest(newest) == newest {
		if h.cc.refresh() != newest && h.work.refresh() != newest {
			h.Fatalf("it was to stay with Claude Code, and does not: %v", r)
		}
		h.theirs[h.server.Login(newest)] = true
		if h.cc.refresh() == h.work.refresh() {
			h.excuse(newest, "one login in two directories, and nobody tends it")
		} else {
			h.wanted[s.who] = login{newest, true}
		}
	}
}

// goes says that the logins of a person are signed out of on purpose.
func (h *history) goes(who person) {
	for _, token := range h.server.Secrets() {
		if h.server.Owner(token) == who.email() {
			h.rem().gone[h.server.Login(token)] = true
		}
	}
}

func (h *history) signOutRevoke(s step) {
	h.Helper()
	if !h.names[s.who] {
		return
	}
	former := h.wanted[s.who]
	h.goes(s.who)
	delete(h.wanted, s.who)
	r := h.command(s, "logout", "--account", string(s.who), "--yes", "--revoke")
	h.excuse(former.token, "signed out of with --revoke")
	if r.code != 0 {
		h.names[s.who] = slices.Contains(h.accountNames(), string(s.who))
		return
	}
	delete(h.names, s.who)
}

// accountNames are those that keytender lists.
func (h *history) accountNames() (names []string) {
	var out struct {
		Accounts []struct{ Name, Email string }
	}
	_ = json.Unmarshal([]byte(h.run("accounts", "--json").out), &out)
	for _, a := range out.Accounts {
		names = append(names, a.Name)
	}
	return names
}

// ownName gives the person's account the person's name.
func (h *history) ownName(who person) {
	h.Helper()
	var out struct {
		Accounts []struct{ Name, Email string }
	}
	_ = json.Unmarshal([]byte(h.run("accounts", "--json").out), &out)
	for _, a := range out.Accounts {
		if (a.Email == who.email() || a.Name == string(who)+"-second") && a.Name != string(who) {
			if slices.ContainsFunc(out.Accounts, func(b struct{ Name, Email string }) bool {
				return b.Name == string(who)
			}) {
				h.Logf("  %s has a second account, %s", who, a.Name)
				return
			}
			h.run("accounts", "rename", a.Name, string(who)).want(0)
		}
	}
}

// secondName imports what lies in the entry, or a fresh pair, under another name.
func (h *history) secondName(s step) {
	h.Helper()
	login := h.pair(s.who, 3*time.Hour)
	r := h.commandIn(s, login.json(), "import", "-", "--account", string(s.who)+"-second")
	h.ownName(s.who)
	h.keeps(s.who, login.text("refreshToken"), r)
}

func (h *history) takeOverUnnamed(s step) {
	h.Helper()
	c := h.place(s.where)
	who, token := c.who(), c.refresh()
	if who == "" || h.hidden[c] || token == "" {
		return
	}
	r := h.command(s, "import", "claude-code")
	h.ownName(who)
	h.keeps(who, token, r)
}

// loginLong is the login of a build machine, beside the daily one.
func (h *history) loginLong(s step) {
	h.Helper()
	if !h.names[s.who] {
		return
	}
	s.twist = ""
	before, here := h.looks(), h.place(s.where)
	h.command(s, "login", "--long-lived", "--account", string(s.who)+"-ci", "--no-mirror")
	if now := h.looks()[here]; now.token != before[here].token && h.server.Login(now.token) !=
		h.server.Login(before[here].token) && before[here].token != "" {
		h.Fatalf("a long-lived login came into the entry")
	}
	h.ciNames(s.who)
}

// ciNames signs the build machine's login out again.
func (h *history) ciNames(who person) {
	h.Helper()
	if slices.Contains(h.accountNames(), string(who)+"-ci") {
		h.run("logout", "--account", string(who)+"-ci", "--yes").want(0, 1)
	}
}

// lentSignsIn is a /login in the directory that was lent to.
func (h *history) lentSignsIn(s step) {
	h.Helper()
	c := h.lentClient()
	if !exists(c.dir) {
		return
	}
	who := s.who
	if who == cat {
		who = xia
	}
	if old := h.server.Newest(c.refresh()); old != "" && !h.inKeytender(old) && h.cc.refresh() != old &&
		h.work.refresh() != old {
		h.excuse(old, "Claude Code threw the only copy away")
	}
	c.others = document{}
	c.signIn(who)
	h.theirs[h.server.Login(c.refresh())] = true
	h.wanted[who] = login{c.refresh(), true}
	h.lentIsWhole = true
}

// lentCopied is a whole login of ours that a hand put into the lent directory.
func (h *history) lentCopied(s step) {
	h.Helper()
	c, from := h.lentClient(), h.place(s.where)
	if !exists(c.dir) || !h.regular(from) || from.refresh() == "" || h.server.Spent(from.refresh()) ||
		!h.names[from.who()] || h.server.Login(h.wanted[from.who()].token) != h.server.Login(from.refresh()) {
		return
	}
	entry, _ := os.ReadFile(from.file())
	if c.refresh() != "" && h.server.Newest(c.refresh()) != "" && !h.inKeytender(h.server.Newest(c.refresh())) {
		return
	}
	h.must(c.replace(entry))
	h.lentIsWhole = true
	h.command(s, "refresh", "--account", string(from.who()), "--force")
}

func (h *history) lentClient() *client {
	if h.rem().lent == nil {
		h.rem().lent = h.client(h.lentDir(), filepath.Join(h.lentDir(), ".claude.json"))
	}
	return h.rem().lent
}

// replaced signs another person in under a used name, and gives that name back.
func (h *history) replaced(s step) {
	h.Helper()
	if !h.names[s.who] || h.names[yan] || h.wanted[yan].token != "" {
		return
	}
	former := h.server.Newest(h.wanted[s.who].token)
	r := h.command(step{where: s.where, who: yan}, "login", "--account", string(s.who), "--replace")
	if r.code != 0 {
		return
	}
	if former != "" && h.excused[h.server.Login(former)] == "" && !h.found(h.server.Newest(former)) {
		h.Fatalf("the login that was replaced is gone")
	}
	delete(h.names, s.who)
	delete(h.wanted, s.who) // it is among the displaced
	h.ownName(yan)
	h.keeps(yan, h.latest(yan), r)
}
