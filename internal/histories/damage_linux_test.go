package histories

import (
	"os"
	"strings"
	"time"
)

func cutOff(text string) string { return strings.TrimSuffix(strings.TrimSpace(text), "}") }

// marked has a byte-order mark.
func marked(text string) string { return "\xef\xbb\xbf" + text }

// spoilt is an entry that nobody can read: as it was before, what stood in it beside the login,
// and as it was written.
type spoilt struct {
	whole, text []byte
	refresh     string // in it
	others      document
	stands      bool
}

// damage makes an entry of ours unreadable. What else stood in it goes with it when it is moved
// aside.
func (h *history) damage(s step, how func(string) string) {
	h.Helper()
	c := h.place(s.where)
	whole, err := os.ReadFile(c.file())
	if err != nil || h.mend[c] != nil || h.hidden[c] || !h.names[c.who()] || c.refresh() == "" {
		return
	}
	h.damaged[c] = &spoilt{whole: whole, text: []byte(how(string(whole))), refresh: c.refresh(),
		others: c.others}
	c.others = document{}
	h.must(os.WriteFile(c.file(), h.damaged[c].text, 0o600))
	h.lookAgain()
}

// lookAgain sees which entries are damaged now: doctor mends them, and takes that back.
func (h *history) lookAgain() {
	for c, d := range h.damaged {
		now, err := os.ReadFile(c.file())
		switch is := err == nil && string(now) == string(d.text); {
		case is:
			h.hidden[c], d.stands = true, true
			h.mend[c] = func() { // by hand
				h.must(os.WriteFile(c.file(), d.whole, 0o600))
				c.others = d.others
			}
		case d.stands:
			d.stands = false
			delete(h.hidden, c)
			delete(h.mend, c)
		}
	}
}

// tokensSwapped is another program that exchanges the tokens and leaves the former ids.
func (h *history) tokensSwapped(s step) {
	h.Helper()
	c := h.place(s.where)
	whole, now := c.read()
	if h.hidden[c] || now.text("refreshToken") == "" {
		return
	}
	h.overwritten(c)
	h.rem().mixed = true
	fresh := h.pair(xia, 8*time.Hour)
	for _, key := range []string{"accessToken", "refreshToken", "expiresAt"} {
		now[key] = fresh[key]
	}
	whole.put("claudeAiOauth", now)
	c.put(whole)
	h.theirs[h.server.Login(c.refresh())] = true
	h.wanted[xia] = login{c.refresh(), true}
}
