package histories

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// A history is a list of steps, each of four words, so that one that failed can be kept as it
// was printed. After each step no login may be lost.
type step struct {
	where string // home or work: which configuration directory
	what  string // a key of acts
	who   person
	twist string // what goes wrong meanwhile: a key of twists, some with a number behind them
}

// login is what a person signed in for last, by a token of it: that one must be found and
// work. What it replaced may go.
type login struct {
	token  string
	client bool // Claude Code itself signed in
}

// history is a world and what must be true in it.
type history struct {
	*world
	wanted map[person]login
	names  map[person]bool // accounts of keytender
	// behind are directories whose login was renewed in the other one by Claude Code itself,
	// or by a keytender that was killed: the next command of keytender brings them up.
	behind  map[*client]bool
	mend    map[*client]func()
	hidden  map[*client]bool // nobody may read or write there right now
	backups map[person]document
	faulty  bool // the server asked for pauses
	// theirs are logins that Claude Code made: displaced, they are kept for it.
	theirs      map[int]bool
	damaged     map[*client]*spoilt
	memory      *remembered
	lentIsWhole bool
}

func (w *world) history() *history {
	h := &history{
		world: w, wanted: map[person]login{}, names: map[person]bool{}, behind: map[*client]bool{},
		mend: map[*client]func(){}, hidden: map[*client]bool{}, backups: map[person]document{}, theirs: map[int]bool{},
		damaged: map[*client]*spoilt{},
	}
	for _, c := range h.clients() {
		c.add("mcpOAuth", others["mcpOAuth"])
	}
	return h
}

func (h *history) mendAll() {
	for _, c := range h.clients() {
		if mend := h.mend[c]; mend != nil {
			mend()
		}
		delete(h.mend, c)
		delete(h.hidden, c)
	}
}

func (h *history) place(where string) *client {
	if where == "work" {
		return h.work
	}
	return h.cc
}

func (h *history) nameOf(c *client) string {
	if c == h.work {
		return "work"
	}
	return "home"
}

func (h *history) other(c *client) *client {
	if c == h.work {
		return h.cc
	}
	return h.work
}

// do takes a step and holds what must be true after it.
func (h *history) do(s step) {
	h.Helper()
	h.Logf("%v", s)
	act, known := acts[s.what]
	if !known {
		h.Fatalf("there is no step %q", s.what)
	}
	act(h, s)
	h.lookAgain()
	h.judge()
	h.check()
}

// check fails when a login that must be found is not, or does not work any more.
func (h *history) check() {
	h.Helper()
	for _, who := range everybody {
		l := h.wanted[who]
		if l.token == "" || h.excused[h.server.Login(l.token)] != "" {
			delete(h.wanted, who)
			continue
		}
		newest := h.server.Newest(l.token)
		if newest == "" {
			h.Fatalf("the login of %s was ended", who)
		}
		if h.found(newest) {
			continue
		}
		another := h.livingOf(who)
		if another == "" {
			h.Fatalf("the newest pair of %s is nowhere", who)
		}
		h.wanted[who] = login{another, false} // of two logins of one person either will do
	}
}

var everybody = []person{ann, bob, cat, xia, yan}

// found reports whether a refresh token is where somebody looks for it: in the installation,
// or in an entry of Claude Code.
func (h *history) found(token string) bool { return h.lies(token, "/") }

// inKeytender reports whether the installation itself holds a token.
func (h *history) inKeytender(token string) bool { return token != "" && h.lies(token, "/kt/") }

// lies reports whether a file below a directory holds a token. What was being written when a
// process died does not count.
func (h *history) lies(token, below string) bool {
	return slices.ContainsFunc(h.kept(token), func(path string) bool {
		name := filepath.Base(path)
		return strings.HasPrefix(path, below) && !strings.Contains(name, ".tmp") && !strings.Contains(name, ".aside-")
	})
}

// livingOf is another living refresh token of a person's account.
func (h *history) livingOf(who person) string {
	for _, token := range h.livingTokens() {
		if h.names[who] && h.server.Owner(token) == who.email() && h.found(token) {
			return token
		}
	}
	return ""
}

// anotherIsKept reports whether keytender itself holds a living login of a person.
func (h *history) anotherIsKept(who person) bool {
	return slices.ContainsFunc(h.livingTokens(),
		func(token string) bool { return h.server.Owner(token) == who.email() && h.inKeytender(token) })
}

// latest is the refresh token that was issued last for a person.
func (h *history) latest(who person) (token string) {
	serial := func(token string) int {
		n, _ := strconv.Atoi(strings.Split(token+"-----", "-")[4])
		return n
	}
	for _, t := range h.server.Secrets() {
		if strings.HasPrefix(t, "sk-ant-ort01-") && h.server.Owner(t) == who.email() &&
			(token == "" || serial(t) > serial(token)) {
			token = t
		}
	}
	return token
}

// keeps notes that keytender took a login, when it did.
func (h *history) keeps(who person, token string, r result) {
	h.Helper()
	newest := h.server.Newest(token)
	switch {
	case h.inKeytender(newest):
		h.names[who] = true
		if now := h.wanted[who]; h.server.Login(token) >= h.server.Login(now.token) {
			h.wanted[who] = login{newest, now.client && h.server.Login(token) == h.server.Login(now.token)}
		}
	case r.code == 0 && h.anotherIsKept(who): // of two logins of one person either will do
		h.names[who] = true
	case r.code == 0 && !h.names[who] && newest != "":
		h.Fatalf("exit 0, and the login is not kept: %v", r)
	}
}

// excuse says why a login is lost through no fault of keytender's.
func (h *history) excuse(token, why string) {
	if n := h.server.Login(token); n != 0 && token != "" {
		h.excused[n] = why
	}
}

// acts are all steps. Those that cannot be taken are passed over.
var acts = map[string]func(h *history, s step){
	"nothing":        func(*history, step) {},
	"login":          func(h *history, s step) { h.signIn(s) },
	"login aside":    func(h *history, s step) { h.signIn(s, "--no-mirror") },
	"import":         func(h *history, s step) { h.importPair(s, 3*time.Hour) },
	"import ended":   func(h *history, s step) { h.importPair(s, -time.Minute) },
	"import backup":  (*history).importBackup,
	"take over":      (*history).takeOver,
	"switch":         func(h *history, s step) { h.command(s, "switch", string(s.who)) },
	"mirror":         func(h *history, s step) { h.command(s, "mirror") },
	"undo":           (*history).undo,
	"token":          func(h *history, s step) { h.command(s, "token") },
	"token long":     func(h *history, s step) { h.command(s, "token", "--min-valid", "7h59m") },
	"refresh":        func(h *history, s step) { h.command(s, "refresh", "--force") },
	"refresh if due": func(h *history, s step) { h.command(s, "refresh") },
	"status":         func(h *history, s step) { h.command(s, "status") },
	"logout":         (*history).signOut,
	"both":           (*history).both,
	"lend":           (*history).lendOut,
	"lend back":      (*history).lendBack,
	"rename":         (*history).rename,
	"watch":          (*history).watchOnAndOff,
	"doctor":         (*history).doctor,
	"doctor undo":    (*history).doctorAndBack,

	"client renews":         func(h *history, s step) { h.clientRenews(s, nil, 0) },
	"client renews, sooner": func(h *history, s step) { h.clientRenews(s, nil, time.Minute) },
	"client renews, bare": func(h *history, s step) {
		h.clientRenews(s, []string{"expiresAt", "refreshTokenExpiresAt", "scopes"}, 0)
	},
	"client renews, no ids": func(h *history,
		s step) {
		h.clientRenews(s, []string{"accountUuid", "organizationUuid"}, 0)
	},
	"client signs in":  (*history).clientSignsIn,
	"client signs out": (*history).clientSignsOut,

	"trouble symlink":     func(h *history, s step) { h.trouble(s, "symlink") },
	"trouble hard link":   func(h *history, s step) { h.trouble(s, "hard link") },
	"trouble read-only":   func(h *history, s step) { h.trouble(s, "read-only") },
	"trouble unreadable":  func(h *history, s step) { h.trouble(s, "unreadable") },
	"trouble big":         func(h *history, s step) { h.trouble(s, "big") },
	"damage cut":          func(h *history, s step) { h.damage(s, cutOff) },
	"damage mark":         func(h *history, s step) { h.damage(s, marked) },
	"renewed and damaged": func(h *history, s step) { h.clientRenews(s, nil, 0); h.damage(s, cutOff) },
	"tokens swapped":      (*history).tokensSwapped,
	"mended": func(h *history, s step) {
		c := h.place(s.where)
		if mend := h.mend[c]; mend != nil {
			mend()
		}
		delete(h.mend, c)
		delete(h.hidden, c)
	},
}

func (h *history) signIn(s step, flags ...string) {
	h.Helper()
	r := h.command(s, append([]string{"login", "--account", string(s.who)}, flags...)...)
	if token := h.latest(s.who); h.server.Login(token) > h.server.Login(h.wanted[s.who].token) {
		h.keeps(s.who, token, r)
	}
}

func (h *history) importPair(s step, left time.Duration) {
	h.Helper()
	login := h.pair(s.who, left)
	if h.backups[s.who] == nil {
		h.backups[s.who] = login
	}
	r := h.commandIn(s, login.json(), "import", "-", "--account", string(s.who))
	h.keeps(s.who, login.text("refreshToken"), r)
}

// importBackup imports what was imported once before, which may be spent by now.
func (h *history) importBackup(s step) {
	h.Helper()
	if login := h.backups[s.who]; login != nil {
		r := h.commandIn(s, login.json(), "import", "-", "--account", string(s.who))
		if token := login.text("refreshToken"); h.server.Alive(token) {
			h.keeps(s.who, token, r)
		}
	}
}

func (h *history) takeOver(s step) {
	h.Helper()
	c := h.place(s.where)
	who, token := c.who(), c.refresh()
	if who == "" || h.hidden[c] {
		return
	}
	r := h.command(s, "import", "claude-code", "--account", string(who))
	h.keeps(who, token, r)
}

func (h *history) undo(s step) {
	h.Helper()
	c := h.place(s.where)
	before := c.refresh()
	r := h.command(s, "mirror", "--undo")
	now := c.refresh()
	if r.code == 0 && now != before && now != "" && h.server.Spent(now) && h.excused[h.server.Login(now)] == "" {
		h.Fatalf("an undo put back a spent pair of %s", c.who())
	}
}

func (h *history) signOut(s step) {
	h.Helper()
	if !h.names[s.who] {
		return
	}
	former := h.wanted[s.who]
	h.goes(s.who)
	delete(h.wanted, s.who)
	r := h.command(s, "logout", "--account", string(s.who), "--yes")
	if r.code != 0 { // in part, perhaps
		h.names[s.who] = strings.Contains(h.run("accounts", "--json").out, `"name":"`+string(s.who)+`"`)
		return
	}
	delete(h.names, s.who)
	if !former.client && h.inKeytender(h.server.Newest(former.token)) {
		h.Fatalf("the login of %s is still there after its sign-out", s.who)
	}
}

// both is a renewal by keytender and one by Claude Code at once.
func (h *history) both(s step) {
	h.Helper()
	c := h.place(s.where)
	if h.notReady(s, c) {
		return
	}
	p := c.shell().start("refresh", "--force")
	got := c.renew()
	p.wait()
	if got != renewed {
		h.blame(c, got)
	}
	h.noteRenewal(c)
}

// notReady brings a directory up that is behind, and reports whether Claude Code has nothing
// that it could renew.
func (h *history) notReady(s step, c *client) bool {
	h.Helper()
	token := c.refresh()
	if token == "" || h.hidden[c] || h.excused[h.server.Login(token)] != "" {
		return true
	}
	if h.behind[c] && h.server.Spent(token) {
		if who := c.who(); !h.names[who] || h.server.Login(h.wanted[who].token) != h.server.Login(token) {
			h.excuse(token, "Claude Code renewed it in the other directory, and keytender tends it no more")
			return true
		}
		h.command(step{where: s.where, what: "refresh if due"}, "refresh", "--account", string(c.who()))
		if (h.mend[c] != nil || h.hidden[h.other(c)]) && h.server.Spent(c.refresh()) {
			return true // it cannot be written, or the newer pair not read, until that is mended
		}
	}
	delete(h.behind, c)
	return false
}

func (h *history) clientRenews(s step, drops []string, life time.Duration) {
	h.Helper()
	c := h.place(s.where)
	if h.notReady(s, c) {
		return
	}
	if h.rem().lost { // from then on its end alone tells that it is newer
		life = 0
	}
	c.drops, c.life = drops, life
	if got := c.renew(); got != renewed {
		h.blame(c, got)
	}
	h.noteRenewal(c)
}

// blame fails: the client could not renew what keytender should have kept whole.
func (h *history) blame(c *client, got outcome) {
	h.Helper()
	h.Fatalf("Claude Code's own renewal in %s: %s", h.nameOf(c), got)
}

// noteRenewal says that the other directory may have been left behind by Claude Code.
func (h *history) noteRenewal(c *client) {
	d := h.other(c)
	token := d.refresh()
	if damaged := h.damaged[d]; token == "" && damaged != nil && damaged.stands {
		token = damaged.refresh // somebody may mend the file by hand
	}
	if token != "" && h.server.Login(token) == h.server.Login(c.refresh()) {
		h.behind[d] = true
	}
}

// overwritten says that Claude Code itself is about to throw away what is in its entry.
func (h *history) overwritten(c *client) {
	newest := h.server.Newest(c.refresh())
	if newest == "" {
		return
	}
	held := h.inKeytender(newest) || h.other(c).refresh() == newest
	if !held {
		h.excuse(newest, "Claude Code threw the only copy away")
	}
}

func (h *history) clientSignsIn(s step) {
	h.Helper()
	c := h.place(s.where)
	if h.hidden[c] {
		return
	}
	h.overwritten(c)
	c.signIn(s.who)
	h.theirs[h.server.Login(c.refresh())] = true
	h.wanted[s.who] = login{c.refresh(), true}
}

func (h *history) clientSignsOut(s step) {
	h.Helper()
	c := h.place(s.where)
	if h.hidden[c] || c.refresh() == "" {
		return
	}
	h.excuse(c.refresh(), "Claude Code signed out")
	c.signOut()
}

// trouble makes the entry one that is not written as usual.
func (h *history) trouble(s step, kind string) {
	h.Helper()
	c := h.place(s.where)
	info, err := os.Lstat(c.file())
	if h.mend[c] != nil || err != nil || !info.Mode().IsRegular() {
		return
	}
	h.mend[c] = func() {}
	switch kind {
	case "symlink":
		target := filepath.Join(h.home, "dotfiles-"+s.where)
		h.must(os.Rename(c.file(), target))
		h.must(os.Symlink(target, c.file()))
		h.own(c.file())
	case "hard link":
		backup := filepath.Join(h.home, "backup-"+s.where)
		_ = os.Link(c.file(), backup)
		h.mend[c] = func() { _ = os.Remove(backup) }
	case "big":
		c.add("pluginSecrets", `"`+strings.Repeat("x", 1<<20)+`"`)
	case "read-only":
		h.must(os.Chmod(c.dir, 0o500))
		h.hidden[c], h.mend[c] = true, func() { h.must(os.Chmod(c.dir, 0o700)) }
	case "unreadable":
		h.must(os.Chmod(c.file(), 0))
		h.hidden[c], h.mend[c] = true, func() { h.must(os.Chmod(c.file(), 0o600)) }
	}
}

// helps is the hint for tokens of which nobody can tell whose they are.
var helps = regexp.MustCompile("`keytender login --account ([a-z]+)` helps in any case")

// finish mends everything, and holds that each account can be switched to, renewed, and used
// by Claude Code; and that a sign-out of all leaves nothing of them behind.
func (h *history) finish() {
	h.Helper()
	h.mendAll()
	h.faults()
	h.profile(0)
	h.rem().offset = 0
	delete(h.environ, "KTTEST_CLOCK")
	for _, c := range h.clients() {
		c.drops, c.life = nil, 0
		h.do(step{where: h.nameOf(c), what: "client renews"})
	}
	for _, who := range everybody {
		if !h.names[who] || h.wanted[who].token == "" {
			continue
		}
		codes := []int{0}
		if h.faulty { // pauses, and settings that a server refused
			codes = []int{0, 1, 5}
		}
		if h.rem().lost { // and with it that Claude Code had signed out
			codes = append(codes, 4)
		}
		r := h.run("switch", string(who))
		if hinted := helps.FindStringSubmatch(r.err); r.code == 5 && hinted != nil {
			h.signIn(step{where: "home", who: person(hinted[1])})
			r = h.run("switch", string(who))
		}
		if r.code == 4 && h.wanted[who].client {
			continue // what keytender had was ended, and Claude Code signed in anew
		}
		if r.code == 1 && strings.Contains(r.err, "scope") || strings.Contains(r.err, "refresh --force`, which tells") {
			h.run("refresh", "--account", string(who), "--force").want(codes...)
			h.run("switch", string(who)).want(codes...)
		} else {
			r.want(0)
		}
		h.run("refresh", "--force").want(codes...)
		if h.cc.who() != who {
			h.Fatalf("after the switch Claude Code has the login of %q, not of %s", h.cc.who(), who)
		}
		h.do(step{where: "home", what: "client renews"})
		h.run("refresh", "--force").want(codes...)
		h.do(step{where: "home", what: "client renews"})
	}
	h.signOutOfAll()
}

// signOutOfAll holds that nothing alive of the accounts stays in the installation.
func (h *history) signOutOfAll() {
	h.Helper()
	codes := []int{0}
	if len(h.excused) > 0 { // of what has ended nobody can ask the server whose it is
		codes = []int{0, 1}
	}
	r := h.run("logout", "--all", "--yes")
	if r.code == 1 && strings.Contains(r.err, "got since then") { // after a sign-out that could not read it
		for _, c := range h.clients() {
			if strings.Contains(r.err, c.file()) {
				c.signOut() // as the hint says
			}
		}
		r = h.run("logout", "--all", "--yes")
	}
	r.want(codes...)
	if strings.Contains(r.err, "is still kept") && (h.rem().lost || h.rem().tangled || len(h.theirs) > 0) {
		return // which of a person's grants that is nobody can tell
	}
	for _, token := range h.livingTokens() {
		who := person(strings.TrimSuffix(h.server.Owner(token), "@example.com"))
		if h.names[who] && !h.theirs[h.server.Login(token)] && h.inKeytender(token) {
			h.Fatalf("a living login of %s is still there after the sign-out of all: %v", who, h.kept(token))
		}
	}
}

// twists are what can go wrong while a command runs, by the first word.
var twists = map[string]func(h *history, begin func() *process, argument string) result{
	"":       func(h *history, begin func() *process, _ string) result { return begin().wait() },
	"status": faulted(func(n int) fakeclaude.Fault { return fakeclaude.Fault{Status: n, On: "renew"} }),
	"cut": faulted(func(int) fakeclaude.Fault {
		return fakeclaude.Fault{Status: 502, Body: "<html>FAKE", CutAfter: 3, On: "renew"}
	}),
	"reset": faulted(func(int) fakeclaude.Fault {
		return fakeclaude.Fault{Reset: true, When: fakeclaude.Unread,
			On: "renew"}
	}),
	"profile": faulted(func(n int) fakeclaude.Fault {
		return fakeclaude.Fault{Status: n, On: "profile", Times: fakeclaude.Forever}
	}),
	"unnamed": faulted(func(int) fakeclaude.Fault {
		return faults.Without("account",
			"organization").For("exchange")
	}),
	"lost":  lost,
	"kill":  killed,
	"agent": withAgent,
	"stop":  stopped,
	"stays": stays,
	"HUP":   signalled, "INT": signalled, "QUIT": signalled, "TERM": signalled,
}

// faulted is a server that answers so once, or as long as the command runs.
func faulted(fault func(n int) fakeclaude.Fault) func(*history, func() *process, string) result {
	return func(h *history, begin func() *process, argument string) result {
		h.Helper()
		n, _ := strconv.Atoi(argument)
		h.faulty = true
		h.faults(fault(n))
		defer h.faults()
		return begin().wait()
	}
}

// lost is a renewal whose response never comes. Nobody can save that login.
func lost(h *history, begin func() *process, _ string) result {
	h.Helper()
	h.faulty = true
	before := h.alive()
	h.faults(faults.Lost().For("renew"))
	defer h.faults()
	p := begin()
	<-p.ended
	h.lostResponses()
	r := p.wait()
	h.excuseLost(before)
	return r
}

// alive is what every login that anybody holds could be renewed with.
func (h *history) alive() map[int]string {
	all := map[int]string{}
	for _, token := range h.server.Secrets() {
		if n := h.server.Login(token); n != 0 {
			all[n] = h.server.Newest(token)
		}
	}
	return all
}

// excuseLost excuses logins that were renewed and whose new pair is nowhere: it died with the
// response.
func (h *history) excuseLost(before map[int]string) {
	for n, token := range h.alive() {
		if was := before[n]; was != "" && was != token && (token == "" || !h.found(token)) {
			h.excused[n] = "the response was lost"
		}
	}
}

// killed is a command that is killed so many milliseconds after it began.
func killed(h *history, begin func() *process, argument string) result {
	h.Helper()
	n, _ := strconv.Atoi(argument)
	before := h.alive()
	p := begin()
	time.Sleep(time.Duration(n) * time.Millisecond)
	p.signal(syscall.SIGKILL)
	return h.ends(p, before)
}

// ends waits for a command that may have been killed, and notes what that leaves behind.
func (h *history) ends(p *process, before map[int]string) result {
	h.Helper()
	<-p.ended
	h.settled()
	r := p.wait()
	if r.code == -1 {
		h.rem().tangled = true
		h.excuseLost(before)
		h.minutePasses()
		for _, c := range h.clients() {
			h.behind[c] = true
		}
	}
	return r
}

// settled waits until the server is done with what a killed program had sent.
func (w *world) settled() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	if err := w.server.Settle(ctx); err != nil {
		w.Errorf("the server is not done: %v", err)
	}
}

// minutePasses lets the locks of the dead become old.
func (w *world) minutePasses() {
	for _, c := range w.clients() {
		for _, path := range append(c.locks(), c.state+".lock") {
			past := time.Now().Add(-61 * time.Second)
			_ = os.Chtimes(path, past, past)
		}
	}
}

// signalled is a command that gets a signal: "HUP 7" so many milliseconds after it began,
// "HUP" alone while the server's response is under way.
func signalled(h *history, begin func() *process, argument string) result {
	h.Helper()
	name, after, timed := strings.Cut(argument, " ")
	s := signals[name]
	if timed {
		n, _ := strconv.Atoi(after)
		p := begin()
		time.Sleep(time.Duration(n) * time.Millisecond)
		p.signal(s.signal)
		return p.wait()
	}
	sent, respond := h.heldResponse()
	p := begin()
	select {
	case <-sent:
		p.signal(s.signal)
		time.Sleep(20 * time.Millisecond)
	case <-p.ended:
	}
	respond()
	r := p.wait()
	h.set(func(b *fakeclaude.Behaviour) { b.OnToken = nil })
	return r
}

func (h *history) command(s step, args ...string) result {
	h.Helper()
	return h.commandIn(s, "", args...)
}

// commandIn types a command in the step's directory, and lets its twist happen.
func (h *history) commandIn(s step, in string, args ...string) result {
	h.Helper()
	name, argument, _ := strings.Cut(s.twist, " ")
	twist, known := twists[name]
	if !known {
		h.Fatalf("there is no twist %q", s.twist)
	}
	if signals[name].code != 0 {
		argument = s.twist
	}
	if name == "profile" && h.rem().mixed && args[0] != "login" { // the ids beside the tokens are believed then
		twist = twists[""]
	}
	sh := h.place(s.where).shell()
	sh.env = append(sh.env, h.spelled(h.place(s.where), s.twist)...)
	before, held := h.looks(), h.loginsHeld()
	begin := func() *process {
		if args[0] == "login" {
			p := sh.beginLogin(s.who, args[1:]...)
			if location := h.redirect(p); location != "" {
				go h.follow(location)
			}
			return p
		}
		p := sh.start(args...)
		go func() {
			_, _ = p.stdin.Write([]byte(in))
			_ = p.stdin.Close()
		}()
		return p
	}
	r := twist(h, begin, argument)
	h.compare(s, args, before, held, r)
	return r
}

func (s step) String() string {
	return fmt.Sprintf("{%q, %q, %q, %q}", s.where, s.what, s.who, s.twist)
}
