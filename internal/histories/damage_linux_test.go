package histories

import (
	"os"
	"strings"
	"time"
)

func cutOff(text string) string { return strings.TrimSuffix(strings.TrimSpace(text), "}") }

// marked has a byte-order mark.
func marked(text string) string { return "\xef\xbb\xbf" + text }

// damage makes an entry of ours unreadable. What else stood in it goes with it when it is moved
// aside.
func (h *history) damage(s step, how func(string) string) {
	h.Helper()
	c := h.place(s.where)
	data, err := os.ReadFile(c.file())
	if err != nil || h.mend[c] != nil || h.hidden[c] || !h.names[c.who()] || c.refresh() == "" {
		return
	}
	others := c.others
	c.others = document{}
	h.damaged[c] = []byte(how(string(data)))
	h.must(os.WriteFile(c.file(), h.damaged[c], 0o600))
	h.hidden[c] = true
	h.mend[c] = func() { // by hand
		if h.stillDamaged(c) {
			h.must(os.WriteFile(c.file(), data, 0o600))
			c.others = others
		}
	}
}

func (h *history) stillDamaged(c *client) bool {
	now, err := os.ReadFile(c.file())
	return err == nil && string(now) == string(h.damaged[c])
}

// lookAgain sees which damaged entries somebody mended.
func (h *history) lookAgain() {
	for c := range h.damaged {
		if !h.hidden[c] || !h.stillDamaged(c) {
			delete(h.damaged, c)
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
	fresh := h.pair(xia, 8*time.Hour)
	for _, key := range []string{"accessToken", "refreshToken", "expiresAt"} {
		now[key] = fresh[key]
	}
	whole.put("claudeAiOauth", now)
	c.put(whole)
	h.theirs[h.server.Login(c.refresh())] = true
	h.wanted[xia] = login{c.refresh(), true}
}
