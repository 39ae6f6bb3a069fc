package histories

import (
	"slices"
	"strings"
	"time"
)

// two commands at once.
func (h *history) two(s step, first, second string) {
	h.Helper()
	sh := h.place(s.where).shell()
	p, q := sh.start(strings.Fields(first)...), sh.start(strings.Fields(second)...)
	_, _ = p.stdin.Close(), q.stdin.Close()
	p.wait()
	q.wait()
}

// twoPlaces are renewals from both directories at once.
func (h *history) twoPlaces(step) {
	h.Helper()
	p, q := h.cc.shell().start("refresh", "--force"), h.work.shell().start("refresh", "--force")
	p.wait()
	q.wait()
}

// twoLogins are two sign-ins at once, of two people.
func (h *history) twoLogins(s step) {
	h.Helper()
	here, there := h.place(s.where), h.other(h.place(s.where))
	if h.hidden[here] || h.hidden[there] {
		return
	}
	p := here.shell().beginLogin(ann, "--account", "ann")
	first := h.redirect(p)
	q := here.shell().beginLogin(bob, "--account", "bob")
	second := h.redirect(q)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if first != "" {
			h.follow(first)
		}
	}()
	if second != "" {
		h.follow(second)
	}
	<-done
	r, t := p.wait(), q.wait()
	h.keeps(ann, h.latest(ann), r)
	h.keeps(bob, h.latest(bob), t)
}

// loginAndRenewal is a sign-in that is come back to while another command renews.
func (h *history) loginAndRenewal(s step) {
	h.Helper()
	here := h.place(s.where)
	p := here.shell().beginLogin(s.who, "--account", string(s.who))
	location := h.redirect(p)
	q := here.shell().start("refresh", "--force")
	_ = q.stdin.Close()
	if location != "" {
		h.follow(location)
	}
	r := p.wait()
	q.wait()
	h.keeps(s.who, h.latest(s.who), r)
}

func (h *history) renameAndRenewal(s step) {
	h.Helper()
	if !h.names[s.who] {
		return
	}
	sh := h.place(s.where).shell()
	p := sh.start("accounts", "rename", string(s.who), string(s.who)+"-2")
	q := sh.start("refresh", "--force", "--account", string(s.who))
	_, _ = p.stdin.Close(), q.stdin.Close()
	p.wait()
	q.wait()
	if slices.Contains(h.accountNames(), string(s.who)+"-2") {
		h.run("accounts", "rename", string(s.who)+"-2", string(s.who)).want(0)
	}
}

func (h *history) importAndSwitch(s step) {
	h.Helper()
	login, sh := h.pair(s.who, 3*time.Hour), h.place(s.where).shell()
	q := sh.start("switch", "bob")
	_ = q.stdin.Close()
	p := sh.start("import", "-", "--account", string(s.who))
	_, _ = p.stdin.Write([]byte(login.json()))
	_ = p.stdin.Close()
	r := p.wait()
	q.wait()
	h.keeps(s.who, login.text("refreshToken"), r)
}
