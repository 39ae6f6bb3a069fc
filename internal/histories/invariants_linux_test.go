package histories

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
)

// A look at an entry before and after a command.
type look struct {
	token, owner string
	login        document
	state        document
	alive        bool
	readable     bool
}

func (h *history) looks() map[*client]look {
	all := map[*client]look{}
	for _, c := range h.clients() {
		_, login := c.read()
		data, err := os.ReadFile(c.file())
		l := look{login: login, token: login.text("refreshToken"), readable: err == nil && json.Valid(data)}
		l.owner, l.alive = h.server.Owner(l.token), h.server.Alive(l.token)
		if text, err := os.ReadFile(c.state); err == nil {
			_ = json.Unmarshal(text, &l.state)
		}
		all[c] = l
	}
	return all
}

// loginsHeld are the living logins of strangers, by their newest token, that somebody holds.
func (h *history) loginsHeld() map[int]string {
	all := map[int]string{}
	for _, token := range h.livingTokens() {
		who := person(strings.TrimSuffix(h.server.Owner(token), "@example.com"))
		if n := h.server.Login(token); !h.names[who] && h.server.Newest(token) == token && h.found(token) {
			all[n] = token
		}
	}
	return all
}

// compare holds what a command may have changed.
func (h *history) compare(s step, args []string, before map[*client]look, held map[int]string, r result) {
	h.Helper()
	verb := strings.Join(args, " ")
	here := h.place(s.where)
	outsider := strings.HasPrefix(s.twist, "swapped")
	for c, now := range h.looks() {
		was := before[c]
		if !was.readable || h.hidden[c] {
			continue
		}
		if was.token != "" && now.token != "" && now.token != was.token && !now.alive &&
			h.excused[h.server.Login(now.token)] == "" {
			h.Fatalf("%s wrote a dead pair of %s into %s, over a pair of %s that was alive: %v", verb, now.owner,
				h.nameOf(c), was.owner, was.alive)
		}
		named := c == here && (strings.HasPrefix(verb, "login") || strings.HasPrefix(verb, "switch") ||
			strings.HasPrefix(verb, "mirror"))
		if was.owner != "" && now.owner != "" && was.owner != now.owner && !named && !outsider {
			h.Fatalf("%s displaced the login of %s in %s by that of %s, and nobody named it", verb, was.owner,
				h.nameOf(c), now.owner)
		}
		emptied := strings.HasPrefix(verb, "logout") || strings.HasPrefix(verb, "doctor --fix") ||
			strings.HasPrefix(verb, "mirror --undo") && c == here || strings.HasPrefix(verb, "watch")
		if was.alive && now.token == "" && !emptied && !outsider {
			h.Fatalf("%s emptied the entry in %s, which had a living login of %s", verb, h.nameOf(c), was.owner)
		}
		if was.owner == now.owner && was.owner != "" && h.server.Login(was.token) == h.server.Login(now.token) {
			for key, value := range was.login {
				switch key {
				case "accessToken", "refreshToken", "expiresAt", "refreshTokenExpiresAt", "scopes":
					continue
				case "accountUuid", "organizationUuid": // of somebody else, beside tokens that were exchanged
					if now.login.text(key) != "" {
						continue
					}
				}
				if !bytes.Equal(compacted(now.login[key]), compacted(value)) && !outsider {
					h.Fatalf("%s changed %s in the login of %s in %s", verb, key, was.owner, h.nameOf(c))
				}
			}
		}
		for key, value := range was.state {
			var a, b any
			_ = json.Unmarshal(value, &a)
			_ = json.Unmarshal(now.state[key], &b)
			if key != "oauthAccount" && !bytes.Equal(mustJSON(a), mustJSON(b)) {
				h.Fatalf("%s changed %s in the state file of %s", verb, key, h.nameOf(c))
			}
		}
		var account struct{ AccountUUID string }
		if json.Unmarshal(now.state["oauthAccount"], &account) == nil && now.token != was.token && c == here &&
			r.code == 0 && now.login.text("accountUuid") != "" && !outsider && account.AccountUUID != "" &&
			account.AccountUUID != now.login.text("accountUuid") && named {
			h.Fatalf("after %s the state file in %s names another than %s", verb, h.nameOf(c), now.owner)
		}
	}
	for n, token := range held {
		newest := h.server.Newest(token)
		if newest == "" && h.excused[n] == "" && !h.rem().gone[n] {
			h.Fatalf("%s ended a login of %s that Claude Code made", verb, h.server.Owner(token))
		}
		if newest != "" && h.excused[n] == "" && !h.rem().gone[n] && !h.found(newest) {
			h.Fatalf("%s lost a login of %s that Claude Code made", verb, h.server.Owner(token))
		}
	}
}

func mustJSON(v any) []byte {
	data, _ := json.Marshal(v)
	return data
}

// compacted is a value without its spaces, and with each number as it stands.
func compacted(value json.RawMessage) []byte {
	var text bytes.Buffer
	_ = json.Compact(&text, value)
	return text.Bytes()
}
