package histories

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keytender/internal/fakeclaude"
)

// regular reports whether hands may be laid on an entry now.
func (h *history) regular(c *client) bool {
	info, err := os.Lstat(c.file())
	return h.mend[c] == nil && !h.hidden[c] && (err != nil || info.Mode().IsRegular())
}

func (h *history) backupMade(s step) {
	c := h.place(s.where)
	if h.regular(c) && c.refresh() != "" {
		entry, _ := os.ReadFile(c.file())
		state, _ := os.ReadFile(c.state)
		h.rem().saved[c] = [2][]byte{entry, state}
	}
}

// puts writes an entry and a state file over what is there, as another program or a hand does.
func (h *history) puts(c *client, files [2][]byte) {
	h.Helper()
	h.overwritten(c)
	c.make()
	whole := document{}
	h.must(json.Unmarshal(files[0], &whole))
	for key := range c.others { // what is nobody's is as it was then
		if value, there := whole[key]; there {
			c.others[key] = value
		} else {
			delete(c.others, key)
		}
	}
	h.must(c.replace(files[0]))
	if files[1] != nil {
		h.write(c.state, files[1], 0o600)
	}
	if token := c.refresh(); h.server.Spent(token) {
		h.behind[c] = true
	}
}

func (h *history) backupRestored(s step) {
	h.Helper()
	c := h.place(s.where)
	files, made := h.rem().saved[c]
	if made && h.regular(c) {
		h.puts(c, files)
	}
}

// copied is `cp -r ~/.claude ~/work`, and a command of keytender's there.
func (h *history) copied(s step, verb string) {
	h.Helper()
	c := h.place(s.where)
	from := h.other(c)
	if !h.regular(c) || !h.regular(from) || from.refresh() == "" || h.server.Spent(from.refresh()) {
		return
	}
	entry, _ := os.ReadFile(from.file())
	state, _ := os.ReadFile(from.state)
	h.puts(c, [2][]byte{entry, state})
	who := c.who()
	if !h.names[who] { // a stranger's in two directories is for the stranger to see to
		h.excuse(c.refresh(), "one login in two directories, and nobody tends it")
	}
	if h.server.Login(h.wanted[who].token) != h.server.Login(c.refresh()) {
		h.excuse(c.refresh(), "one login in two directories, and nobody tends it")
	}
	if verb == "mirror" {
		h.command(step{where: s.where, who: who, what: s.what}, verb, "--account", string(who))
		return
	}
	h.command(step{where: s.where, who: who, what: s.what}, verb)
}

// otherSwitcher keeps what lies in the entry and puts in what it kept of another person, or of
// nobody: then that person signs in.
func (h *history) otherSwitcher(s step) {
	h.Helper()
	c := h.place(s.where)
	if !h.regular(c) {
		return
	}
	kept := h.rem().swapped[c]
	if kept == nil {
		kept = map[person][2][]byte{}
		h.rem().swapped[c] = kept
	}
	entry, _ := os.ReadFile(c.file())
	state, _ := os.ReadFile(c.state)
	if who := c.who(); who != "" && c.refresh() != "" {
		kept[who] = [2][]byte{entry, state}
		h.write(filepath.Join(h.home, "switcher-"+s.where+"-"+string(who)), entry, 0o600)
	}
	target := s.who
	if target == cat {
		target = xia
	}
	if files, there := kept[target]; there {
		if target != c.who() {
			h.puts(c, files)
		}
		return
	}
	if target == c.who() {
		return
	}
	h.clientSignsIn(step{where: s.where, who: target})
}

func (h *history) entryRemoved(s step) {
	h.Helper()
	c := h.place(s.where)
	if h.regular(c) && c.refresh() != "" {
		h.overwritten(c)
		h.must(os.Remove(c.file()))
		c.others = document{}
	}
}

func (h *history) entryReformatted(s step) {
	c := h.place(s.where)
	if data, err := os.ReadFile(c.file()); err == nil && h.regular(c) && json.Valid(data) {
		var out bytes.Buffer
		whole := document{}
		_ = json.Unmarshal(data, &whole)
		for key := range c.others {
			if len(c.others[key]) > 1<<16 {
				return
			}
		}
		_ = json.Indent(&out, data, "", "  ")
		h.must(c.replace(append(out.Bytes(), '\n')))
		whole, _ = c.read()
		for key := range c.others {
			c.others[key] = whole[key]
		}
	}
}

// unknownKeys are those of a newer client: in the login, beside it and in the state file.
func (h *history) unknownKeys(s step) {
	h.Helper()
	c := h.place(s.where)
	whole, login := c.read()
	if !h.regular(c) || login.text("refreshToken") == "" {
		return
	}
	login["subscriptionTypeSource"] = json.RawMessage(`"profile"`)
	login["newer"] = json.RawMessage(`{"n":12345678901234567890}`)
	whole.put("claudeAiOauth", login)
	c.put(whole)
	c.add("somethingNew", `[1.0,-0,"x"]`)
	state := c.readState()
	state["projects"] = json.RawMessage(`{"/x":{"big":12345678901234567}}`)
	c.writeState(state)
}

// oldClientSignsIn writes no ids beside the tokens.
func (h *history) oldClientSignsIn(s step) {
	h.Helper()
	c := h.place(s.where)
	if h.hidden[c] || h.mend[c] != nil {
		return
	}
	if s.who == cat {
		s.who = xia
	}
	h.overwritten(c)
	login := h.pair(s.who, 8*time.Hour)
	full := document{}
	for key, value := range login {
		full[key] = value
	}
	for _, key := range []string{"accountUuid", "organizationUuid", "refreshTokenExpiresAt"} {
		delete(login, key)
	}
	c.hold(login)
	c.note(s.who, full)
	h.theirs[h.server.Login(c.refresh())] = true
	h.wanted[s.who] = login2(c.refresh())
}

func login2(token string) login { return login{token, true} }

// oldClientRenews takes ~/.claude.lock alone, and writes in place.
func (h *history) oldClientRenews(s step) {
	h.Helper()
	c := h.place(s.where)
	if h.notReady(s, c) || !h.regular(c) {
		return
	}
	real, err := filepath.EvalSymlinks(c.dir)
	h.must(err)
	release, err := c.lock(real+".lock", time.Minute)
	if err != nil {
		h.blame(c, busy)
		return
	}
	defer release()
	sent := c.refresh()
	status, grant := c.post("", map[string]string{"grant_type": "refresh_token", "refresh_token": sent,
		"client_id": fakeclaude.ClientID})
	if status != 200 {
		h.blame(c, refused)
	}
	whole, former := c.read()
	next := document{"accessToken": grant["access_token"], "refreshToken": grant["refresh_token"],
		"scopes": former["scopes"], "subscriptionType": former["subscriptionType"]}
	next.put("expiresAt", time.Now().Add(h.rem().offset+8*time.Hour).UnixMilli())
	whole.put("claudeAiOauth", next)
	data, err := json.Marshal(whole)
	h.must(err)
	h.must(os.WriteFile(c.file(), data, 0o600))
	h.noteRenewal(c)
}

// clientDied left its locks behind a while ago.
func (h *history) clientDied(s step) {
	c := h.place(s.where)
	if h.hidden[c] || h.mend[c] != nil || !exists(c.dir) {
		return
	}
	for _, path := range c.locks() {
		if os.Mkdir(path, 0o700) == nil {
			h.own(path)
		}
	}
	h.minutePasses()
}

func (h *history) serverEndsIt(s step) {
	c := h.place(s.where)
	if token := c.refresh(); token != "" && !h.hidden[c] {
		h.excuse(token, "the server ended it")
		h.server.RevokeFamily(token)
		c.renew()
	}
}

// away is a directory on a disk that is not there now.
func (h *history) away(s step) {
	h.Helper()
	c := h.work
	info, err := os.Lstat(c.dir)
	if err != nil || !info.IsDir() || h.mend[c] != nil || h.hidden[c] {
		return
	}
	away := c.dir + ".away"
	h.must(os.Rename(c.dir, away))
	h.hidden[c] = true
	others := c.others
	c.others = document{}
	h.mend[c] = func() {
		const why = "an old directory came back after the ledger was lost" // which is the newest nobody can tell
		if h.rem().lost {
			h.excuse(c.refresh(), why)
		}
		h.overwritten(c)
		_ = os.RemoveAll(c.dir)
		h.must(os.Rename(away, c.dir))
		c.others = others
		if h.rem().lost {
			h.excuse(c.refresh(), why)
		}
		h.behind[c], h.rem().tangled = true, true
	}
}

// movedBehindLink is a directory that was moved elsewhere, with a link in its place.
func (h *history) movedBehindLink(s step) {
	h.Helper()
	c := h.place(s.where)
	info, err := os.Lstat(c.dir)
	if err != nil || !info.IsDir() || h.mend[c] != nil || h.hidden[c] {
		return
	}
	moved := filepath.Join(h.home, "moved-"+s.where)
	h.must(os.Rename(c.dir, moved))
	h.must(os.Symlink(moved, c.dir))
	h.own(c.dir)
}

// whileBusy is a command while Claude Code in home holds its locks for a moment.
func whileBusy(h *history, begin func() *process, _ string) result {
	h.Helper()
	if h.hidden[h.cc] || h.mend[h.cc] != nil || !exists(h.cc.dir) {
		return begin().wait()
	}
	for _, path := range h.cc.locks() {
		_ = os.Remove(path)
	}
	release := h.cc.holdLocks(h.cc.locks()...)
	p := begin()
	time.Sleep(700 * time.Millisecond)
	release()
	return p.wait()
}

// swappedMeanwhile is a program that takes no locks and writes somebody else's login into the entry
// of home while a renewal is under way.
func swappedMeanwhile(h *history, begin func() *process, argument string) result {
	h.Helper()
	done := false
	h.set(func(b *fakeclaude.Behaviour) {
		b.OnToken = func(string) {
			if done || h.hidden[h.cc] || h.mend[h.cc] != nil || !exists(h.cc.dir) {
				return
			}
			done = true
		}
	})
	sent, respond := h.heldResponse()
	p := begin()
	select {
	case <-sent:
		if h.regular(h.cc) && exists(h.cc.dir) {
			who := xia
			before := h.cc.refresh()
			login := h.pair(who, 8*time.Hour)
			whole, _ := h.cc.read()
			// what is overwritten here is the pair that was sent, or one that keytender has
			if h.server.Newest(before) == before && !h.inKeytender(before) && h.other(h.cc).refresh() != before {
				h.excuse(before, "somebody threw the only copy away")
			}
			whole.put("claudeAiOauth", login)
			h.cc.put(whole)
			h.cc.note(who, login)
			h.theirs[h.server.Login(h.cc.refresh())] = true
			h.wanted[who] = login2(h.cc.refresh())
			token := h.cc.refresh()
			defer func() {
				if h.cc.refresh() != token && !h.found(token) {
					h.Fatalf("what another program wrote meanwhile is lost")
				}
			}()
		}
	case <-p.ended:
	}
	respond()
	r := p.wait()
	h.set(func(b *fakeclaude.Behaviour) { b.OnToken = nil })
	return r
}

// spelled is a configuration directory by another name.
func (h *history) spelled(c *client, twist string) []string {
	switch {
	case strings.HasPrefix(twist, "slash") && c == h.work:
		return []string{"CLAUDE_CONFIG_DIR=" + c.dir + "/"}
	case strings.HasPrefix(twist, "linked") && exists(c.dir):
		link := filepath.Join(h.home, "link-"+h.nameOf(c))
		_ = os.Remove(link)
		h.must(os.Symlink(c.dir, link))
		h.own(link)
		if c == h.work {
			return []string{"CLAUDE_CONFIG_DIR=" + link}
		}
		return []string{"CLAUDE_SECURESTORAGE_CONFIG_DIR=" + link}
	}
	return nil
}
