package histories

import (
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
)

// One person in two organisations is two accounts: what Claude Code renews of one is never taken
// for the other's, with and without ids beside the tokens.
func TestOnePersonInTwoOrganizations(t *testing.T) {
	for look, drops := range map[string][]string{"ids": nil, "no ids": {"accountUuid", "organizationUuid"},
		"no organization": {"organizationUuid"}, "bare": {"accountUuid", "organizationUuid", "expiresAt",
			"refreshTokenExpiresAt", "scopes"}} {
		for _, life := range []time.Duration{0, time.Minute} {
			t.Run(look+" "+life.String(), func(t *testing.T) {
				holds(t, func(w *world) {
					w.login(ann, "--account", "own").want(0)
					w.set(func(b *fakeclaude.Behaviour) { b.Organization = "Team" })
					w.login(ann, "--account", "team").want(0)
					team := w.server.Login(w.cc.refresh())
					w.set(func(b *fakeclaude.Behaviour) { b.Organization = "" })
					w.cc.drops, w.cc.life = drops, life
					w.cc.goesOn(ann)
					w.run("switch", "own").want(0)
					own := w.server.Login(w.cc.refresh())
					if own == team {
						t.Fatalf("the switch did not switch")
					}
					w.cc.goesOn(ann)
					w.run("refresh", "--force").want(0)
					w.cc.goesOn(ann)
					w.run("switch", "team").want(0)
					if got := w.server.Login(w.cc.refresh()); got != team {
						t.Fatalf("the login in the entry is %d, want %d (own is %d)", got, team, own)
					}
					w.cc.goesOn(ann)
					w.run("refresh", "--force").want(0)
					w.run("switch", "own").want(0)
					w.run("refresh", "--force").want(0)
					if got := w.server.Login(w.cc.refresh()); got != own {
						t.Fatalf("the login in the entry is %d, want %d (team is %d)", got, own, team)
					}
					w.cc.goesOn(ann)
				})
			})
		}
	}
}

// /login in Claude Code as the same person in the other organisation, by a client that writes no ids.
func TestOtherOrganizationSignedInByAnOldClient(t *testing.T) {
	for _, verb := range []string{"refresh", "token", "mirror", "switch own"} {
		t.Run(verb, func(t *testing.T) {
			holds(t, func(w *world) {
				w.login(ann, "--account", "own").want(0)
				w.set(func(b *fakeclaude.Behaviour) { b.Organization = "Team" })
				login := w.pair(ann, 8*time.Hour)
				full := login
				w.set(func(b *fakeclaude.Behaviour) { b.Organization = "" })
				short := document{}
				for key, value := range login {
					if key != "accountUuid" && key != "organizationUuid" {
						short[key] = value
					}
				}
				w.cc.hold(short)
				w.cc.note(ann, full)
				team := w.cc.refresh()
				for _, v := range []string{verb, "refresh --force"} {
					w.shell().run(strings.Fields(v)...)
				}
				w.run("switch", "own").want(0)
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
				if len(w.kept(team)) == 0 && w.server.Newest(team) == team {
					t.Errorf("the login of the other organisation is lost")
				}
				w.run("mirror", "--undo").want(0)
				if w.cc.refresh() != w.server.Newest(team) {
					t.Errorf("the other organisation's login did not come back")
				}
			})
		})
	}
}
