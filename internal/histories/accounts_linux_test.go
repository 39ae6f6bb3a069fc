package histories

import (
	"os"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude/faults"
)

// What happens between accounts: the pair that Claude Code renewed belongs to the one whose
// it is, whatever is signed in, imported, switched to or signed out meanwhile.

// tended fails unless an account's login is whole: it can be switched to and renewed, and
// Claude Code goes on with it.
func (w *world) tended(who person) {
	w.Helper()
	w.run("switch", string(who)).want(0)
	w.run("refresh", "--force").want(0)
	w.cc.goesOn(who)
	w.run("refresh", "--force").want(0)
	w.cc.goesOn(who)
}

// imports hands a login to `import -`.
func (w *world) imports(login document, args ...string) result {
	w.Helper()
	s := w.shell()
	s.in = login.json()
	return s.run(append([]string{"import", "-"}, args...)...)
}

func TestA1LoginTakesInWhatTheClientRenewed(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.cc.goesOn(ann)
		w.login(bob, "--account", "bob").want(0)
		w.tended(ann)
		w.tended(bob)
	})
}

func TestA1ImportTakesInWhatTheClientRenewed(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		w.run("import", "claude-code", "--account", "ann").want(0)
		w.cc.goesOn(ann)
		w.imports(w.pair(bob, time.Hour), "--account", "bob").want(0)
		w.run("switch", "bob").want(0)
		w.tended(ann)
		w.tended(bob)
	})
}

func TestA1SignOutOfTheOtherAccount(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		backup, _ := w.cc.read()
		w.login(bob, "--account", "bob").want(0)
		w.cc.put(backup)
		w.cc.goesOn(ann)
		w.run("logout", "--account", "bob", "--yes").want(0)
		w.tended(ann)
	})
}

// The entry holds what the client renewed, and keytender's `mirror` belongs to another account.
func TestMirrorTakesInWhatTheClientRenewed(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		backup, _ := w.cc.read()
		w.login(bob, "--account", "bob").want(0)
		w.cc.put(backup)
		w.cc.goesOn(ann)
		w.run("mirror").want(0)
		w.cc.goesOn(bob)
		w.tended(ann)
		w.tended(bob)
	})
}

func TestA9SpentBackupIsNotTakenForALogin(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		_, backup := w.cc.read()
		w.run("import", "claude-code", "--account", "ann").want(0)
		w.run("refresh", "--force").want(0)
		w.imports(backup, "--account", "ann").want(0, 1)
		w.run("token").want(0)
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
	})
}

func TestA9OneLoginUnderTwoNames(t *testing.T) {
	holds(t, func(w *world) {
		login := w.pair(ann, time.Hour)
		w.imports(login, "--account", "ann").want(0)
		w.imports(login, "--account", "work").want(0, 1)
		w.run("refresh", "--force").want(0)
		w.cc.signIn(xia)
		for _, name := range []string{"ann", "work"} {
			if w.run("switch", name).code == 0 {
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
			}
		}
		w.tended(ann)
	})
}

// The same entry was imported twice, and another one came in its place (claude-swap#272).
func TestR19OneEntryImportedTwice(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		w.run("import", "claude-code", "--account", "ann").want(0)
		w.run("import", "claude-code", "--account", "work").want(0, 1)
		w.run("refresh", "--force").want(0)
		w.cc.signIn(xia)
		w.tended(ann)
	})
}

// Another person signed in to Claude Code: an import drops nobody (claude-swap#16).
func TestR09ImportOverAnotherPerson(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		w.run("import", "claude-code", "--account", "ann").want(0)
		w.cc.signIn(xia)
		refused := w.run("import", "claude-code", "--account", "ann").want(1)
		refused.says("ann")
		w.tended(ann)
		w.run("refresh", "--force").want(0)
		w.cc.signIn(yan)
		w.run("import", "claude-code").want(0)
		w.cc.goesOn(yan)
		w.tended(ann)
	})
}

func TestA11LongLivedKeepsTheDailyLogin(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		before, _ := w.cc.read()
		w.faults(faults.Without("account", "organization", "refresh_token").For("exchange"))
		w.login(ann, "--long-lived", "--no-mirror", "--account", "ann").want(0, 1)
		w.untouched(before)
		w.run("refresh").want(0)
		w.run("token").want(0)
		w.run("status").want(0)
		w.untouched(before)
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
		w.tended(ann)
	})
}

// untouched fails when the login in the entry is another one than before.
func (w *world) untouched(before document) {
	w.Helper()
	if now, _ := w.cc.read(); string(now["claudeAiOauth"]) != string(before["claudeAiOauth"]) {
		w.Fatalf("the login in Claude Code's entry was changed; it is %q's", w.cc.who())
	}
}

func TestA11WithoutIDsNothingIsWrittenOver(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		before, _ := w.cc.read()
		w.profile(500)
		w.faults(faults.Without("account", "organization").For("exchange"))
		w.login(bob, "--no-mirror", "--account", "ann").want(0, 1)
		for _, verb := range []string{"token", "refresh", "status", "token"} {
			w.run(verb)
			w.untouched(before)
		}
		w.profile(0)
		for _, verb := range []string{"token", "refresh", "status", "token"} {
			w.run(verb)
			w.untouched(before)
		}
		w.tended(ann)
	})
}

// The login of a build machine never becomes the one that is tended.
func TestB1LongLivedDoesNotBecomeActive(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.login(ann, "--long-lived", "--account", "ci", "--no-mirror").want(0, 1)
		if got := w.status()["account"]; got != "ann" {
			w.Errorf("the active account is %v", got)
		}
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
		w.tended(ann)
	})
}

func TestGAnotherPersonUnderAUsedName(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		before, _ := w.cc.read()
		w.login(bob, "--account", "ann").want(1).says("ann@example.com")
		w.untouched(before)
		w.tended(ann)
	})
}

// With --replace the former login can still be put back.
func TestGReplaceKeepsTheFormerLogin(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		former := w.cc.refresh()
		w.login(bob, "--account", "ann", "--replace").want(0)
		w.cc.goesOn(bob)
		if len(w.kept(former)) == 0 {
			w.Errorf("the former login is not kept")
		}
		w.run("mirror", "--undo").want(0)
		w.cc.goesOn(ann)
	})
}

func TestGOnePersonUnderTwoNames(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.login(ann, "--account", "work").want(0, 1)
		accounts, _ := w.status()["accounts"].([]any)
		if len(accounts) != 1 {
			w.Errorf("%d accounts of one person", len(accounts))
		}
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
		w.tended(ann)
	})
}

// Signed out of everything, nothing that lives is left behind.
func TestISignOutLeavesNothingAlive(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.cc.goesOn(ann)
		w.login(bob, "--account", "bob").want(0)
		w.cc.goesOn(bob)
		w.run("switch", "ann").want(0)
		w.cc.goesOn(ann)
		w.run("switch", "bob").want(0)
		w.run("refresh", "--force").want(0)
		w.run("logout", "--all", "--yes").want(0)
		for _, token := range w.livingTokens() {
			w.Errorf("a living refresh token of %s is left in %v", w.server.Owner(token), w.kept(token))
		}
		if w.run("mirror", "--undo"); w.cc.refresh() != "" {
			w.Errorf("an undo signs Claude Code in again, as %s", w.cc.who())
		}
	})
}

// Nor is a login left whose name another person has now, wherever it lies by then.
func TestISignOutLeavesNothingOfAFormerName(t *testing.T) {
	replace := func(w *world, flags ...string) {
		w.login(bob, append([]string{"--account", "main", "--replace"}, flags...)...).want(0)
	}
	for name, then := range map[string]func(w *world){
		"displaced":                       func(w *world) { replace(w) },
		"in the entry":                    func(w *world) { replace(w, "--no-mirror") },
		"in the entry, renewed there":     func(w *world) { replace(w, "--no-mirror"); w.cc.goesOn(ann) },
		"put back":                        func(w *world) { replace(w); w.run("mirror", "--undo").want(0) },
		"in another directory":            func(w *world) { w.work.shell().run("mirror").want(0); replace(w) },
		"displaced, and nobody signed in": func(w *world) { replace(w); w.run("logout", "--yes").want(0) },
		"displaced, and signed in since":  func(w *world) { replace(w); w.login(ann, "--account", "ann").want(0) },
		"in the entry, another imported": func(w *world) {
			w.imports(w.pair(bob, time.Hour), "--account", "main", "--replace").want(0)
		},
		"put back, and nobody signed in": func(w *world) {
			replace(w)
			w.run("logout", "--yes").want(0)
			w.run("mirror", "--undo").want(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				w.login(ann, "--account", "main").want(0)
				then(w)
				if out := w.run("logout", "--all", "--yes").want(0); strings.Contains(out.err, "left alone") {
					w.Errorf("said to be left alone: %v", out)
				}
				for _, token := range w.livingTokens() {
					w.Errorf("a living refresh token of %s is left in %v", w.server.Owner(token), w.kept(token))
				}
			})
		})
	}
}

// A sign-out of one account takes the former logins of its person, whatever they were called, and no other's.
func TestSignOutTakesTheFormerLoginsOfThePerson(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "main").want(0)
		former := w.cc.refresh()
		w.login(bob, "--account", "main", "--replace").want(0)
		w.login(ann, "--account", "ann").want(0)
		w.run("logout", "--account", "main", "--yes").want(0)
		if len(w.kept(former)) == 0 {
			w.Errorf("bob signed out, and ann's former login is gone")
		}
		w.run("logout", "--account", "ann", "--yes").want(0)
		if files := w.kept(former); len(files) > 0 {
			w.Errorf("ann signed out, and her former login is left in %v", files)
		}
	})
}

// What was left to Claude Code on the person's word is left to it by a sign-out of all others, too.
func TestSignOutOfAllLeavesWhatClaudeCodeKept(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.run("logout", "--yes", "--keep-claude-code").want(0)
		w.login(bob, "--account", "bob", "--no-mirror").want(0)
		w.run("logout", "--all", "--yes").want(0)
		w.cc.goesOn(ann)
	})
}

// What was somebody else's is kept, and said.
func TestISignOutKeepsAForeignLogin(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(xia)
		foreign := w.cc.refresh()
		w.login(ann, "--account", "ann").want(0)
		w.run("logout", "--all", "--yes").want(0).says("xia", "displaced", "undo")
		if len(w.kept(foreign)) == 0 {
			w.Errorf("the foreign login is gone")
		}
	})
}

func TestA12SignOutLeavesClaudeCodesOwnLogin(t *testing.T) {
	holds(t, func(w *world) {
		w.cc.signIn(ann)
		before, _ := w.cc.read()
		w.login(ann, "--account", "ann", "--no-mirror").want(0)
		w.run("logout", "--yes").want(0)
		w.untouched(before)
		w.cc.goesOn(ann)
	})
}

// Who signed in where a sign-out could not take ours out is left alone by the sign-out of the last account.
func TestLastSignOutLeavesWhoSignedInSince(t *testing.T) {
	for name, which := range map[string][]string{"named": {"--account", "bob"}, "all": {"--all"}, "plain": {}} {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				w.login(bob, "--account", "bob").want(0)
				w.login(ann, "--account", "ann").want(0)
				w.work.shell().run("mirror").want(0)
				w.must(os.Chmod(w.work.dir, 0o500))
				w.run("logout", "--account", "ann", "--yes").want(1)
				w.must(os.Chmod(w.work.dir, 0o700))
				w.work.signIn(xia)
				w.run("refresh").want(0)
				w.run(append([]string{"logout", "--yes"}, which...)...).want(0)
				if w.work.refresh() == "" {
					w.Errorf("another person's login was taken out")
				}
			})
		})
	}
}

// What could not be taken out is named, and taken out once it can be written; nobody else's login is meant by
// that.
func TestSignOutNamesTheEntryThatStays(t *testing.T) {
	holds(t, func(w *world) {
		w.login(bob, "--account", "bob").want(0)
		w.login(ann, "--account", "ann").want(0)
		w.work.shell().run("mirror").want(0)
		w.must(os.Chmod(w.work.dir, 0o500))
		left := w.run("logout", "--yes").want(1).says("not everything was removed: " + w.work.file())
		if left.says("run `keytender logout --account ann` again"); strings.Contains(left.err, "nothing was changed") {
			w.Errorf("the record is gone: %v", left)
		}
		w.must(os.Chmod(w.work.dir, 0o700))
		w.run("logout", "--account", "ann", "--yes").want(0)
		for _, token := range w.livingTokens() {
			if owner := w.server.Owner(token); !strings.HasPrefix(owner, "bob") {
				w.Errorf("a living refresh token of %s is left in %v", owner, w.kept(token))
			}
		}
		w.run("token", "--account", "bob").want(0)
	})
}

func TestB4RevokedButKeptIsSaid(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		if r := w.run("logout", "--yes", "--revoke", "--keep-claude-code").want(0, 1, 2); r.code == 0 {
			r.says("Claude Code")
		}
	})
}
