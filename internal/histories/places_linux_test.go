package histories

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// Where the pair lies: other directories, and entries that cannot be written as usual.

// takenOver is a login of ann's that Claude Code has and keytender took over.
func (w *world) takenOver(left time.Duration) {
	w.Helper()
	w.cc.signInFor(ann, left)
	w.run("import", "claude-code", "--account", "ann").want(0)
}

func TestA2RenewalFromAnotherEnvironment(t *testing.T) {
	holds(t, func(w *world) {
		w.work.shell().login(ann, "--account", "ann").want(0)
		w.run("refresh", "--force").want(0, 1, 5)
		w.work.goesOn(ann)
		w.run("refresh", "--force").want(0, 1, 5)
		w.work.goesOn(ann)
		w.work.shell().run("refresh", "--force").want(0)
		w.work.goesOn(ann)
	})
}

// A background renewal asks for the token by the same road.
func TestA2TokenFromAnotherEnvironment(t *testing.T) {
	holds(t, func(w *world) {
		w.work.signInFor(ann, -time.Minute)
		w.work.shell().run("import", "claude-code", "--account", "ann").want(0)
		w.run("token").want(0, 1, 5)
		w.work.goesOn(ann)
		w.run("refresh", "--force").want(0)
		w.work.goesOn(ann)
	})
}

// One login in two directories: whoever renews, both go on.
func TestOneLoginInTwoDirectories(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.work.shell().run("mirror").want(0)
		for range 2 {
			w.run("refresh", "--force").want(0)
			w.cc.goesOn(ann)
			w.run("status").want(0)
			w.run("refresh").want(0)
			w.work.goesOn(ann)
			w.run("refresh").want(0)
			w.cc.goesOn(ann)
			w.run("refresh", "--force").want(0)
		}
	})
}

// What was taken over in one directory is carried to the other, though nothing was sent.
func TestTakenOverHereAndCarriedThere(t *testing.T) {
	for _, verb := range []string{"token", "refresh", "mirror"} {
		t.Run(verb, func(t *testing.T) {
			holds(t, func(w *world) {
				w.imports(w.pair(ann, -time.Minute), "--account", "ann").want(0)
				w.run("mirror").want(0)
				w.work.shell().run("mirror").want(0)
				w.work.life, w.cc.life = -time.Second, -time.Second
				w.work.goesOn(ann)
				w.work.shell().run(verb).want(0)
				w.cc.goesOn(ann)
				w.run("refresh").want(0) // `token` looks nowhere as long as ours is valid
				w.work.goesOn(ann)
			})
		})
	}
}

// trouble is something that is wrong with an entry; mend makes it right again. Both may be
// nil: some mend themselves.
type trouble struct {
	name   string
	make   func(w *world)
	mend   func(w *world)
	asRoot bool
}

var troubles = []trouble{
	{"symlink", func(w *world) {
		target := filepath.Join(w.home, "dotfiles")
		w.must(os.Rename(w.cc.file(), target))
		w.must(os.Symlink(target, w.cc.file()))
		w.own(w.cc.file())
	}, nil, false},
	{"hard link", func(w *world) {
		w.must(os.Link(w.cc.file(), filepath.Join(w.home, "backup")))
	}, nil, false},
	{"immutable", func(w *world) { chattr(w, "+i") }, func(w *world) { chattr(w, "-i") }, true},
	{"big", func(w *world) {
		w.cc.add("mcpOAuth", `{"s":"`+strings.Repeat("x", 3<<19)+`"}`)
	}, nil, false},
	{"another owner", func(w *world) {
		w.must(os.Chown(w.cc.file(), 0, 0))
		w.must(os.Chmod(w.cc.file(), 0o644))
	}, nil, true},
	{"read-only directory", func(w *world) {
		w.must(os.Chmod(w.cc.dir, 0o500))
	}, func(w *world) { w.must(os.Chmod(w.cc.dir, 0o700)) }, false},
	{"bind mount", func(w *world) {
		outside := filepath.Join(w.root, "outside")
		w.must(os.Rename(w.cc.file(), outside))
		w.write(w.cc.file(), nil, 0o600)
		w.must(syscall.Mount(outside, w.cc.file(), "", syscall.MS_BIND, ""))
	}, nil, true},
	{"read-only bind mount", func(w *world) { bindReadOnly(w, w.cc.file()) },
		func(w *world) { w.must(syscall.Unmount(w.cc.file(), syscall.MNT_DETACH)) }, true},
	{"read-only mount of the directory", func(w *world) { bindReadOnly(w, w.cc.dir) },
		func(w *world) { w.must(syscall.Unmount(w.cc.dir, syscall.MNT_DETACH)) }, true},
	{"full disk", fullDisk, func(w *world) { w.must(os.Remove(filepath.Join(w.cc.dir, "full"))) }, true},
}

func chattr(w *world, flag string) {
	if out, err := exec.Command("chattr", flag, w.cc.file()).CombinedOutput(); err != nil {
		w.Fatalf("chattr: %v: %s", err, out)
	}
}

func bindReadOnly(w *world, path string) {
	w.must(syscall.Mount(path, path, "", syscall.MS_BIND, ""))
	w.must(syscall.Mount("", path, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
}

// fullDisk moves the configuration directory to a file system of its own without any room.
// The disk goes with the world.
func fullDisk(w *world) {
	entry, err := os.ReadFile(w.cc.file())
	w.must(err)
	w.must(syscall.Mount("tmpfs", w.cc.dir, "tmpfs", 0, "size=64k,mode=700,uid="+itoa(somebody)+",gid="+itoa(somebody)))
	w.write(w.cc.file(), entry, 0o600)
	full := filepath.Join(w.cc.dir, "full")
	_ = os.WriteFile(full, bytes.Repeat([]byte("x"), 1<<20), 0o600) // as far as it goes
}

// unmountAll takes away what is mounted below a world.
func (w *world) unmountAll() {
	if os.Geteuid() != 0 {
		return
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	lines := strings.Split(string(mounts), "\n")
	for i := range lines {
		fields := strings.Fields(lines[len(lines)-1-i])
		if len(fields) > 1 && strings.HasPrefix(fields[1], w.root+"/") {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH)
		}
	}
}

// TestA4EntryThatIsNotWrittenAsUsual: the entry gets the successor, or nothing is sent; a
// token that still works is printed; and afterwards everybody goes on.
func TestA4EntryThatIsNotWrittenAsUsual(t *testing.T) {
	for _, kind := range troubles {
		for age, left := range map[string]time.Duration{"ended": -time.Minute, "valid": time.Hour} {
			t.Run(kind.name+", "+age, func(t *testing.T) {
				if kind.asRoot && os.Geteuid() != 0 {
					t.Skip("wants root")
				}
				holds(t, func(w *world) {
					w.takenOver(left)
					kind.make(w)
					w.inTrouble(age)
					if kind.mend != nil {
						kind.mend(w)
						w.run("token").want(0)
					}
					w.cc.goesOn(ann)
					w.run("refresh", "--force").want(0)
					w.cc.goesOn(ann)
				})
			})
		}
	}
}

// inTrouble asks for tokens while the entry is not as usual. Where that keeps a renewal from being
// sent, the place is told as one that cannot be written, and how to let go of it.
func (w *world) inTrouble(age string) {
	w.Helper()
	asked := w.run("token").want(0, 5)
	if age == "valid" {
		asked.want(0)
	}
	if w.run("refresh", "--force").want(0, 5).code == 5 {
		w.run("refresh", "--force").says("let go of it with `keytender places forget")
		w.run("status", "--json").says(`"code":"place-unwritable"`)
		w.run("places").says("unwritable")
	}
	if age == "valid" {
		asked = w.run("token").want(0)
	}
	if token := strings.TrimSpace(asked.out); asked.code == 0 && !w.server.Alive(token) {
		w.Errorf("exit 0 with a token that does not work")
	}
	if asked.code != 0 {
		asked.says("hint:")
	}
	if !w.cc.alive() {
		w.Errorf("the entry was left with a spent pair (exit %d, said %q)", asked.code, asked.err)
	}
}

// A bind-mounted file is written in place: what is mounted gets the new pair.
func TestBindMountedEntryIsWrittenInPlace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("wants root")
	}
	holds(t, func(w *world) {
		w.takenOver(time.Hour)
		outside := filepath.Join(w.root, "outside")
		w.must(os.Rename(w.cc.file(), outside))
		w.write(w.cc.file(), nil, 0o600)
		w.must(syscall.Mount(outside, w.cc.file(), "", syscall.MS_BIND, ""))
		w.run("refresh", "--force").want(0)
		if data, err := os.ReadFile(outside); err != nil || !bytes.Contains(data, []byte(w.cc.refresh())) ||
			!w.cc.alive() {
			w.Errorf("what is mounted has no living pair (%v)", err)
		}
	})
}

// An entry that MCP logins made big is read and written.
func TestBigEntryIsWritten(t *testing.T) {
	holds(t, func(w *world) {
		w.takenOver(-time.Minute)
		w.cc.add("mcpOAuth", `{"s":"`+strings.Repeat("x", 3<<20)+`"}`)
		w.run("token").want(0)
		w.cc.goesOn(ann)
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
	})
}

// A link of the person's own is followed, and stays a link.
func TestLinkedEntryIsFollowed(t *testing.T) {
	holds(t, func(w *world) {
		w.takenOver(time.Hour)
		troubles[0].make(w)
		w.run("refresh", "--force").want(0)
		if info, err := os.Lstat(w.cc.file()); err != nil || info.Mode()&os.ModeSymlink == 0 || !w.cc.alive() {
			w.Errorf("the link: %v (%v), a living pair behind it: %v", info.Mode(), err, w.cc.alive())
		}
	})
}

func TestA5MountThatGoesAwayAgain(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("wants root")
	}
	holds(t, func(w *world) {
		w.takenOver(-time.Minute)
		bindReadOnly(w, w.cc.file())
		w.run("token").want(0, 1, 5)
		w.must(syscall.Unmount(w.cc.file(), syscall.MNT_DETACH))
		w.run("token").want(0)
		w.cc.goesOn(ann)
		w.run("refresh", "--force").want(0)
	})
}

// Another program writes for a long time: nobody is left with a spent pair once it is done.
func TestA5LockThatIsHeldAndLetGo(t *testing.T) {
	testguard.Slow(t)
	holds(t, func(w *world) {
		w.takenOver(-time.Minute)
		release := w.cc.holdLocks(filepath.Join(w.cc.dir, ".storage-write.lock"))
		w.run("token").want(0, 5, 6)
		release()
		w.run("token").want(0)
		w.cc.goesOn(ann)
		w.run("refresh", "--force").want(0)
	})
}

// The client renewed, and then the entry became a link: what can be read through it is read.
func TestUnreadableIsNotTakenForEmpty(t *testing.T) {
	for _, kind := range troubles {
		t.Run(kind.name, func(t *testing.T) {
			if kind.asRoot && os.Geteuid() != 0 {
				t.Skip("wants root")
			}
			holds(t, func(w *world) {
				w.takenOver(-time.Minute)
				w.cc.life = -time.Second
				w.cc.goesOn(ann)
				w.cc.life = 0
				kind.make(w)
				w.run("token").want(0, 1, 5, 6)
				w.run("refresh", "--force").want(0, 1, 5, 6)
				if kind.mend != nil {
					kind.mend(w)
				}
				w.cc.goesOn(ann)
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
			})
		})
	}
}

// An entry that nobody may read hides the newest pair: nothing is sent.
func TestEntryThatMayNotBeRead(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"file": 0, "directory": 0} {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				w.takenOver(-time.Minute)
				w.cc.life = -time.Second
				w.cc.goesOn(ann)
				w.cc.life = 0
				path, back := w.cc.file(), os.FileMode(0o600)
				if name == "directory" {
					path, back = w.cc.dir, 0o700
				}
				w.must(os.Chmod(path, mode))
				w.run("token").want(0, 1, 5, 6)
				w.run("refresh", "--force").want(0, 1, 5, 6)
				w.must(os.Chmod(path, back))
				w.cc.goesOn(ann)
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
			})
		})
	}
}

// A directory that is away does not hold up a renewal, and catches up when it is back.
func TestDirectoryThatIsAway(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.work.shell().run("mirror").want(0)
		away := filepath.Join(w.home, "away")
		w.must(os.Rename(w.work.dir, away))
		w.run("refresh", "--force").want(0)
		if told := w.work.shell().run("status").want(0); strings.Contains(told.err, "signed out") {
			w.Errorf("nobody signed out: %v", told)
		}
		w.cc.goesOn(ann)
		w.run("refresh", "--force").want(0)
		w.must(os.Rename(away, w.work.dir))
		w.run("token").want(0)
		w.work.goesOn(ann)
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
	})
}
