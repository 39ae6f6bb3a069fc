package histories

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// Succession without clocks: what the client renewed is taken over, however it looks.

// looks are the ways in which a client's renewal differs from ours.
var looks = map[string]func(c *client){
	"the end is missing":  func(c *client) { c.drops = []string{"expiresAt", "refreshTokenExpiresAt", "scopes"} },
	"it ends sooner":      func(c *client) { c.life = 10 * time.Minute },
	"it has ended":        func(c *client) { c.life = -time.Minute },
	"the ids are missing": func(c *client) { c.drops = []string{"accountUuid", "organizationUuid"} },
	"everything is missing": func(c *client) {
		c.drops = []string{"expiresAt", "refreshTokenExpiresAt", "scopes", "accountUuid", "organizationUuid",
			"subscriptionType", "rateLimitTier"}
	},
}

func TestA7SuccessorIsTakenOverHoweverItLooks(t *testing.T) {
	for look, change := range looks {
		for _, verb := range []string{"mirror", "token", "refresh", "refresh --force", "status"} {
			t.Run(look+", "+verb, func(t *testing.T) {
				holds(t, func(w *world) {
					w.takenOver(20 * time.Hour)
					change(w.cc)
					w.cc.goesOn(ann)
					w.run(strings.Fields(verb)...).want(0, 5)
					if !w.cc.alive() {
						w.Fatalf("the living pair in the entry is gone")
					}
					w.run("refresh", "--force").want(0)
					w.cc.drops, w.cc.life = nil, 0
					w.cc.goesOn(ann)
					w.tended(ann)
				})
			})
		}
	}
}

// Ours has ended, too: `token` hands out the client's (claude-code#85262).
func TestR03FieldsThatTheClientDropped(t *testing.T) {
	holds(t, func(w *world) {
		w.takenOver(-time.Minute)
		w.cc.drops = []string{"expiresAt", "refreshTokenExpiresAt", "scopes"}
		w.cc.goesOn(ann)
		if token := strings.TrimSpace(w.run("token").want(0).out); !w.server.Alive(token) {
			w.Errorf("what was handed out does not work")
		}
		w.run("status").want(0)
	})
}

// The clock was ahead at our sign-in (microsoft/WSL#5324): the newer pair ends sooner.
func TestR05NewerPairEndsSooner(t *testing.T) {
	holds(t, func(w *world) {
		w.takenOver(20 * time.Hour)
		w.cc.goesOn(ann)
		newer := w.cc.refresh()
		if state := w.status()["claudeCode"].(map[string]any)["state"]; state == "older" || state == "other-login" {
			w.Errorf("status calls the entry %v", state)
		}
		w.run("mirror").want(0)
		if w.cc.refresh() != newer {
			w.Errorf("the living pair was overwritten")
		}
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
	})
}

// A client that drops the ids renewed, and nobody can be asked whose it is.
func TestA8WhoseItIsCannotBeAsked(t *testing.T) {
	testguard.Slow(t)
	for name, fault := range map[string]fakeclaude.Fault{
		"500":    {On: "profile", Status: 500, Times: fakeclaude.Forever},
		"429":    {On: "profile", Status: 429, Times: fakeclaude.Forever},
		"silent": {On: "profile", Silent: true, Times: fakeclaude.Forever},
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				w.cc.hold(w.pair(ann, -time.Minute)) // and no state file that names anybody
				w.run("import", "claude-code", "--account", "ann").want(0)
				w.cc.drops = []string{"accountUuid", "organizationUuid"}
				w.cc.goesOn(ann)
				newer := w.cc.refresh()
				w.faults(fault)
				w.run("token").want(0, 5)
				if w.cc.refresh() != newer && w.renewals() == 0 {
					w.Errorf("the living pair was overwritten")
				}
				w.run("refresh", "--force").want(0, 5)
				w.faults()
				w.server.Release()
				w.run("token").want(0)
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
				w.tended(ann)
			})
		})
	}
}

// Nobody was named at the sign-in; the client's ordinary renewal is no other account.
func TestNobodyWasNamed(t *testing.T) {
	for _, verb := range []string{"mirror", "refresh --force", "token --min-valid 9h"} {
		t.Run(verb, func(t *testing.T) {
			holds(t, func(w *world) {
				w.profile(500)
				w.faults(faults.Without("account", "organization").For("exchange"))
				w.login(ann, "--account", "ann").want(0)
				w.cc.goesOn(ann)
				w.run(strings.Fields(verb)...).want(0, 5)
				if !w.cc.alive() {
					w.Fatalf("a spent pair was written")
				}
				w.cc.goesOn(ann)
				w.profile(0)
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
			})
		})
	}
}

// What the server tells replaces what was guessed.
func TestF3TheEndThatTheServerTells(t *testing.T) {
	holds(t, func(w *world) {
		w.faults(faults.Without("refresh_token_expires_in").For("exchange"),
			faults.With("refresh_token_expires_in", "432000").For("renew"))
		w.login(ann, "--account", "ann").want(0)
		w.run("refresh", "--force").want(0)
		text, _ := w.status()["login"].(map[string]any)["expiresAt"].(string)
		ends, err := time.Parse(time.RFC3339, text)
		if left := time.Until(ends); err != nil || left < 119*time.Hour || left > 121*time.Hour {
			w.Errorf("the login's end is %q (%v), want five days", text, err)
		}
	})
}

func TestB8MinValidBeyondWhatIsGranted(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		for range 4 {
			r := w.run("token", "--min-valid", "9h").want(0)
			if !w.server.Alive(strings.TrimSpace(r.out)) || strings.TrimSpace(r.err) == "" {
				w.Errorf("want a token that works, and a warning: %v", r)
			}
		}
		if n := w.renewals(); n > 1 {
			w.Errorf("%d refresh tokens were spent", n)
		}
		w.cc.goesOn(ann)
	})
}

// An entry without scopes was taken over: a renewal tells them (claude-code#85262).
func TestR18ScopesUnknown(t *testing.T) {
	holds(t, func(w *world) {
		login := w.pair(ann, 50*time.Minute)
		delete(login, "scopes")
		w.cc.hold(login)
		w.run("import", "claude-code", "--account", "ann").want(0)
		if m := w.run("mirror").want(0, 1, 5); m.code != 0 {
			m.says("refresh")
		}
		w.run("refresh", "--force").want(0)
		if _, login := w.cc.read(); !strings.Contains(string(login["scopes"]), "user:inference") {
			w.Errorf("the entry's scopes are %s", login["scopes"])
		}
		w.cc.goesOn(ann)
	})
}

// A renewal granted less than Claude Code wants: what is told to do helps.
func TestScopesLostInARenewal(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.faults(faults.With("scope", `"user:profile"`))
		w.run("refresh", "--force").want(0)
		told := w.run("status").says("sign in again with `keytender login`")
		found := w.run("doctor").says("the login lacks")
		if strings.Contains(told.err, "keytender mirror") || strings.Contains(found.out, "doctor --fix") {
			w.Errorf("a hint that does not help: %v\n%v", told, found)
		}
		w.login(ann).want(0)
		if told := w.run("status").want(0); strings.Contains(told.err, "hint:") {
			w.Errorf("told on: %v", told)
		}
		w.cc.goesOn(ann)
	})
}

// signals end a program; the code is what its exit says.
var signals = map[string]struct {
	signal syscall.Signal
	code   int
}{
	"HUP": {syscall.SIGHUP, 129}, "INT": {syscall.SIGINT, 130}, "QUIT": {syscall.SIGQUIT, 131},
	"TERM": {syscall.SIGTERM, 143},
}

// heldResponse makes the server renew and hold its response: sent is closed then, and the response
// goes when the returned function is called.
func (w *world) heldResponse() (sent <-chan struct{}, respond func()) {
	reached, on := make(chan struct{}, 9), make(chan struct{})
	w.set(func(b *fakeclaude.Behaviour) {
		b.OnToken = func(string) {
			reached <- struct{}{}
			<-on
		}
	})
	return reached, func() { close(on) }
}

// reached waits until the server has renewed, or the command has ended without asking it.
func (p *process) reached(sent <-chan struct{}) {
	select {
	case <-sent:
	case <-p.ended:
	}
}

func TestA6SignalWhileTheResponseIsUnderWay(t *testing.T) {
	for name, s := range signals {
		for _, verb := range []string{"token", "refresh"} {
			t.Run(name+", "+verb, func(t *testing.T) {
				holds(t, func(w *world) {
					w.takenOver(-time.Minute)
					sent, respond := w.heldResponse()
					p := w.shell().start(verb)
					p.reached(sent)
					p.signal(s.signal)
					time.Sleep(200 * time.Millisecond)
					respond()
					p.wait().want(s.code, 0)
					w.set(func(b *fakeclaude.Behaviour) { b.OnToken = nil })
					w.cc.goesOn(ann)
					w.run("refresh", "--force").want(0)
					w.cc.goesOn(ann)
				})
			})
		}
	}
}

// Hung up a moment after the response: the entry is not left behind.
func TestHungUpRightAfterTheResponse(t *testing.T) {
	for name, s := range signals {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				w.takenOver(-time.Minute)
				for i := range 12 {
					sent, respond := w.heldResponse()
					p := w.shell().start("refresh", "--force")
					p.reached(sent)
					respond()
					time.Sleep(time.Duration(i) * time.Millisecond)
					p.signal(s.signal)
					p.wait().want(s.code, 0)
					w.set(func(b *fakeclaude.Behaviour) { b.OnToken = nil })
					w.cc.goesOn(ann)
				}
			})
		})
	}
}

// Killed at any moment, a command seldom leaves locks behind whose owner nobody can tell: the
// next command would wait for their own limit.
func TestKilledWithTheLocksInHand(t *testing.T) {
	testguard.Slow(t)
	holds(t, func(w *world) {
		keptWaiting := 0
		for i := 0; i < 30 && keptWaiting < 2; i++ {
			w.takenOver(time.Hour)
			p := w.shell().start("refresh", "--force")
			time.Sleep(time.Duration(rand.N(25_000)) * time.Microsecond)
			p.signal(syscall.SIGKILL)
			p.wait()
			w.settled()
			lost := len(w.kept(w.server.Newest(w.cc.refresh()))) == 0
			if lost {
				w.excused[w.server.Login(w.cc.refresh())] = "the response was lost"
			}
			r := w.run("refresh", "--force")
			if r.took > 10*time.Second {
				w.Logf("kept waiting: %v", r)
				keptWaiting++
			} else if !lost { // else the new pair died with the process
				r.want(0)
			}
		}
		if keptWaiting > 1 {
			w.Errorf("the next command was kept waiting more than once")
		}
	})
}

// Killed as soon as the entry is written, it is known all the same whose pair lies there: what
// Claude Code renewed of it is taken over.
func TestKilledAfterTheEntryWasWritten(t *testing.T) {
	for round := range 6 {
		t.Run(itoa(round), func(t *testing.T) {
			holds(t, func(w *world) {
				w.work.shell().login(ann, "--account", "ann").want(0)
				p := w.shell().beginLogin(ann, "--account", "ann")
				redirect := w.redirect(p)
				followed := make(chan struct{})
				go func() {
					defer close(followed)
					w.follow(redirect)
				}()
				within(20*time.Second, func() bool { return w.cc.refresh() != "" || p.hasEnded() })
				p.signal(syscall.SIGKILL)
				p.wait()
				<-followed
				w.minutePasses()
				w.cc.goesOn(ann)
				w.run("switch", "ann").want(0)
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
			})
		})
	}
}
