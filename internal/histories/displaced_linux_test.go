package histories

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// What a mirror displaces can be put back, each of it, and what belongs to an account goes
// and comes with it.

// status is what `status --json` prints.
func (w *world) status() map[string]any {
	w.Helper()
	r := w.run("status", "--json")
	out := map[string]any{}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		w.Fatalf("%v: %v", err, r)
	}
	return out
}

func TestA13TwoDisplacedComeBackInTurn(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(xia)
		w.login(ann, "--account", "ann").want(0)
		w.cc.signIn(yan)
		w.run("mirror").want(0)
		w.run("mirror", "--undo").want(0)
		w.cc.goesOn(yan)
		w.run("mirror", "--undo").want(0)
		w.cc.goesOn(xia)
		w.tended(ann)
	})
}

// The first of two stays where it can be found, without an undo (claude-swap#207).
func TestR20FirstDisplacedStays(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.cc.signIn(xia)
		first := w.cc.refresh()
		w.run("mirror").want(0)
		w.cc.signIn(yan)
		w.run("mirror").want(0)
		if len(w.kept(first)) == 0 {
			w.Errorf("what the first mirror displaced is gone")
		}
	})
}

func TestA13UndoAfterClaudeCodeRenewedOurs(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(xia)
		w.login(ann, "--account", "ann").want(0)
		w.cc.goesOn(ann)
		w.run("mirror", "--undo").want(0)
		w.cc.goesOn(xia)
		w.run("refresh", "--force").want(0)
		w.tended(ann)
	})
}

// "There was none before" is no reason to forget what was displaced elsewhere.
func TestNothingIsSetAsideOverSomething(t *testing.T) {
	holds(t, func(w *world) {
		w.work.signIn(xia)
		displaced := w.work.refresh()
		w.work.shell().login(ann, "--account", "ann").want(0)
		w.login(ann, "--account", "ann").want(0)
		if len(w.kept(displaced)) == 0 {
			w.Fatalf("what was displaced in the other directory is gone")
		}
		w.work.shell().run("mirror", "--undo").want(0)
		w.work.goesOn(xia)
	})
}

// A login that Claude Code was given back is nobody's to undo twice, and a spent one is never
// put back: what was displaced here was renewed elsewhere meanwhile.
func TestUndoNeverPutsBackASpentPair(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		w.run("import", "claude-code", "--account", "ann").want(0)
		w.login(bob, "--account", "bob").want(0) // displaces ann's pair
		w.run("switch", "ann").want(0)
		w.run("refresh", "--force").want(0)
		w.run("switch", "bob").want(0)
		w.run("mirror", "--undo").want(0, 1)
		if w.cc.refresh() != "" && !w.cc.alive() {
			w.Errorf("a spent pair of %s was put back", w.cc.who())
		}
		w.cc.renew()
		w.tended(ann)
		w.tended(bob)
	})
}

func TestB6BusyChangesNothing(t *testing.T) {
	testguard.Slow(t)
	holds(t, func(w *world) {
		w.login(bob, "--account", "bob").want(0)
		w.login(ann, "--account", "ann").want(0)
		before, _ := w.cc.read()
		release := w.cc.holdLocks(w.cc.locks()...)
		w.run("switch", "bob").want(6)
		release()
		if got := w.status()["account"]; got != "ann" {
			w.Errorf("nothing was changed, and the active account is %v", got)
		}
		w.untouched(before)
		w.tended(bob)
		w.tended(ann)
	})
}

func TestCMirrorNeverWritesADeadLogin(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.cc.signOut()
		w.run("refresh", "--force").want(4)
		w.run("mirror").want(4)
		if w.cc.refresh() != "" {
			w.Errorf("a dead login was written")
		}
	})
}

// A switch to a login that is known to be dead leaves the working one where it is.
func TestSwitchNeverReplacesAWorkingLoginByADeadOne(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.cc.signOut()
		w.run("refresh", "--force").want(4)
		w.login(bob, "--account", "bob").want(0)
		w.run("switch", "ann").want(4)
		w.cc.goesOn(bob)
		w.run("refresh", "--force").want(0)
	})
}

func TestCStatusTellsThatClaudeCodeWasSignedOut(t *testing.T) {
	for name, sign := range map[string]func(c *client){
		"vanished": func(c *client) { c.w.must(os.Remove(c.file())) },
		"blanked":  func(c *client) { c.blank(c.refresh()) },
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				w.login(ann, "--account", "ann").want(0)
				sign(w.cc)
				w.run("status").says("signed out")
			})
		})
	}
}

// others are the keys of an entry that belong to nobody's login.
var others = map[string]string{
	"mcpOAuth":             `{"s|1":{"accessToken":"FAKE-mcp","big":12345678901234567890,"e":1e3}}`,
	"mcpOAuthClientConfig": `{"s":{"clientSecret":"FAKE \u00e9"}}`,
	"mcpXaaIdp":            `{"a":[1,2,{"b":null}]}`,
	"mcpXaaIdpConfig":      `{"issuer":"https://example.com/\u003ca\u003e"}`,
	"pluginSecrets":        `{"p":"FAKE"}`,
	"somethingNew":         `[1.0,-0,"x"]`,
}

func TestD1WhatBelongsToTheAccountGoesWithIt(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		for key, raw := range others {
			w.cc.add(key, raw)
		}
		bound := map[string]string{"organizationUuid": `"FAKE-organization"`, "trustedDeviceToken": `"FAKE-device"`,
			"enterpriseGateway": `{"url":"https://gateway.example.com"}`,
			"designOauth":       `{"accessToken":"FAKE-design"}`}
		whole, _ := w.cc.read()
		for key, raw := range bound {
			whole[key] = json.RawMessage(raw)
		}
		w.cc.put(whole)
		w.run("import", "claude-code", "--account", "ann").want(0)
		w.login(bob, "--account", "bob").want(0)
		whole, _ = w.cc.read()
		for key := range bound {
			if value, there := whole[key]; there {
				w.Errorf("%s of ann's is still there for bob: %s", key, value)
			}
		}
		w.cc.goesOn(bob)
		w.run("switch", "ann").want(0)
		whole, _ = w.cc.read()
		for key, raw := range bound {
			if string(whole[key]) != raw {
				w.Errorf("ann's %s did not come back with her: %s", key, whole[key])
			}
		}
		w.cc.goesOn(ann)
	})
}

func TestD2TheStateFileNamesWhoIsSignedIn(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		state := w.cc.readState()
		state["projects"] = json.RawMessage(`{"/x":{"big":12345678901234567890}}`)
		w.cc.writeState(state)
		w.must(os.Chmod(w.cc.state, 0o640))
		w.login(bob, "--account", "bob").want(0)

		_, login := w.cc.read()
		now := w.cc.readState()
		var account map[string]string
		w.must(json.Unmarshal(now["oauthAccount"], &account))
		want := map[string]string{"accountUuid": login.text("accountUuid"), "emailAddress": bob.email(),
			"organizationUuid": login.text("organizationUuid")}
		for key, value := range want {
			if account[key] != value {
				w.Errorf("%s is %q, want %q", key, account[key], value)
			}
		}
		if len(account) != len(want) {
			w.Errorf("oauthAccount holds more: %v", account)
		}
		var projects map[string]map[string]json.Number
		if w.must(json.Unmarshal(now["projects"], &projects)); projects["/x"]["big"] != "12345678901234567890" ||
			len(now) != len(state) {
			w.Errorf("something else was changed: %s", now["projects"])
		}
		if info, err := os.Stat(w.cc.state); err != nil || info.Mode().Perm() != 0o640 {
			w.Errorf("its mode is %v (%v)", info.Mode(), err)
		}
		if _, err := os.Stat(w.cc.state + ".lock"); !os.IsNotExist(err) {
			w.Errorf("its lock is left behind: %v", err)
		}
	})
}

// The state file is left as it is while the client holds its lock.
func TestD2TheStateFileIsWrittenUnderItsLock(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		before, err := os.ReadFile(w.cc.state)
		w.must(err)
		release := w.cc.holdLocks(w.cc.state + ".lock")
		p := w.shell().beginLogin(bob, "--account", "bob")
		go w.comeBack(p)
		time.Sleep(1500 * time.Millisecond)
		if now, _ := os.ReadFile(w.cc.state); string(now) != string(before) {
			w.Errorf("it was written although the client held its lock")
		}
		release()
		p.wait().want(0)
		w.cc.goesOn(bob)
	})
}
