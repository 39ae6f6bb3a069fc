package histories

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// What keeps a sign-in from being kept shows before the browser opens, and what is typed or
// set wrongly does no harm.

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// A bus that is switched off, or is not there: the file store is said before the link is shown.
func TestHNoBusIsSaidBeforeTheLink(t *testing.T) {
	for name, bus := range map[string]string{"disabled": "disabled:", "gone": "unix:path=/nonexistent/bus"} {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				w.environ["KEYTENDER_STORE"], w.environ["DBUS_SESSION_BUS_ADDRESS"] = "auto", bus
				r := w.login(ann, "--account", "ann").want(0)
				before, _, _ := strings.Cut(r.err, "Sign in:")
				if !strings.Contains(before, "file") {
					w.Errorf("the file store is not said before the link: %v", r)
				}
				w.run("token").want(0)
				w.run("refresh", "--force").want(0)
				w.cc.goesOn(ann)
			})
		})
		t.Run(name+", import", func(t *testing.T) {
			holds(t, func(w *world) {
				w.environ["KEYTENDER_STORE"], w.environ["DBUS_SESSION_BUS_ADDRESS"] = "auto", bus
				w.cc.signIn(ann)
				w.run("import", "claude-code").want(0).says("a plain file: there is no keychain here")
				if again := w.run("import", "claude-code").want(0); strings.Contains(again.err, "plain file") {
					w.Errorf("said twice: %v", again)
				}
			})
		})
	}
}

// A bus that takes connections and never answers (gogcli#130): it ends in time, and what was
// granted is kept, or it is said before the browser opens.
func TestHDeafBusLosesNothing(t *testing.T) {
	testguard.Slow(t)
	holds(t, func(w *world) {
		path := filepath.Join(w.root, "deaf")
		deaf, err := net.Listen("unix", path)
		w.must(err)
		defer deaf.Close()
		w.own(path)
		w.environ["KEYTENDER_STORE"], w.environ["DBUS_SESSION_BUS_ADDRESS"] = "auto", "unix:path="+path
		p := w.shell().beginLogin(ann, "--account", "ann")
		begin := time.Now()
		w.comeBack(p)
		r := p.wait()
		if time.Since(begin) > time.Minute {
			w.Errorf("it took %v from the redirect to the end", time.Since(begin))
		}
		granted := w.server.Count("exchange") > 0
		if granted && len(w.livingTokens()) == 0 {
			w.Errorf("what was granted is kept nowhere: %v", r)
		}
		before, _, _ := strings.Cut(r.err, "Sign in:")
		if !strings.Contains(before, "keychain") && !strings.Contains(before, "bus") {
			w.Errorf("it is not said before the link: %v", r)
		}
	})
}

// pastes starts a sign-in for ann and types a line; the code in it is what the browser got.
func (w *world) pastes(line func(redirect *url.URL) string) (p *process, redirect string) {
	w.Helper()
	p = w.shell().beginLogin(ann, "--account", "ann")
	redirect = w.redirect(p)
	u, err := url.Parse(redirect)
	w.must(err)
	_, err = io.WriteString(p.stdin, line(u)+"\n")
	w.must(err)
	return p, redirect
}

// The six digits of the e-mail are no code; the browser still comes back (claude-code#79703).
func TestR10DigitsOfTheEMail(t *testing.T) {
	holds(t, func(w *world) {
		p, redirect := w.pastes(func(*url.URL) string { return "482913" })
		time.Sleep(3500 * time.Millisecond)
		response, err := plain.Get(redirect)
		if err != nil {
			out, said := p.text()
			w.Fatalf("the browser found nobody: %v: %s%s", err, out, said)
		}
		response.Body.Close()
		p.wait().want(0)
		w.cc.goesOn(ann)
	})
}

// The query of the callback alone is understood (openclaude#1414).
func TestR11QueryAlone(t *testing.T) {
	for name, line := range map[string]func(u *url.URL) string{
		"with ?":    func(u *url.URL) string { return "?" + u.RawQuery },
		"without ?": func(u *url.URL) string { return u.RawQuery },
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) {
				p, _ := w.pastes(line)
				p.wait().want(0)
				w.cc.goesOn(ann)
			})
		})
	}
}

// A system service has no HOME, and with KEYTENDER_HOME it needs none (openbao#2429).
func TestR12HomeUnset(t *testing.T) {
	holds(t, func(w *world) {
		w.takenOver(time.Hour)
		w.shell("HOME").run("token").want(0)
		w.shell("HOME").run("status").want(0)
		w.run("refresh", "--force").want(0)
		w.cc.goesOn(ann)
	})
}

func TestR13RelativeXDG(t *testing.T) {
	holds(t, func(w *world) {
		if r := w.shell("KEYTENDER_HOME", "XDG_CONFIG_HOME=cfg").run("status").want(2, 3); r.code == 2 {
			r.says("XDG_CONFIG_HOME")
		}
	})
}

// Nobody expands a ~ in a unit or .env file (cc-connect#1634).
func TestR14TildeHome(t *testing.T) {
	holds(t, func(w *world) {
		s := w.shell("KEYTENDER_HOME=~/kt")
		s.in = w.pair(ann, time.Hour).json()
		s.run("import", "-").want(2)
		if exists(filepath.Join(w.home, "~")) {
			w.Errorf("a folder named ~ was made")
		}
	})
}

func TestR16DoctorFixWords(t *testing.T) {
	holds(t, func(w *world) {
		w.takenOver(time.Hour)
		whole, err := os.ReadFile(w.cc.file())
		w.must(err)
		w.write(w.cc.file(), []byte(strings.TrimSuffix(string(whole), "}")+`,"mcpOAuth":{"s|1":{"accessToken":"FAKE`),
			0o600)
		r := w.run("doctor", "--fix")
		said := r.out + r.err
		if strings.Contains(said, "nothing needed it") && strings.Contains(said, "FAIL") ||
			strings.Contains(said, "byte 0 ") {
			w.Errorf("%v", r)
		}
	})
}

// A home that cannot be written keeps every renewal from working; doctor says so (nono#379).
func TestR17ReadOnlyHome(t *testing.T) {
	holds(t, func(w *world) {
		w.takenOver(-time.Minute)
		w.must(os.Chmod(w.home, 0o500))
		w.run("token").want(5)
		if w.run("doctor").code == 0 {
			w.Errorf("doctor finds nothing wrong")
		}
		w.run("status").want(5)
		w.must(os.Chmod(w.home, 0o700))
		w.cc.goesOn(ann)
		w.run("refresh", "--force").want(0)
	})
}

// A pair that is too long to be kept was granted all the same, and the one before it may be gone.
func TestUnusableResponseMayHaveEndedTheLogin(t *testing.T) {
	holds(t, func(w *world) {
		w.login(ann, "--account", "ann").want(0)
		w.faults(faults.With("refresh_token", `"`+strings.Repeat("x", 17<<10)+`"`))
		r := w.run("refresh", "--force").want(5).says("keytender login")
		if strings.Contains(r.err, "as good as before") {
			w.Errorf("nobody knows that: %v", r)
		}
	})
}

// A response that is cut is no response: it is asked again once, and what it says is told.
func TestCutResponseIsNoResponse(t *testing.T) {
	testguard.Slow(t)
	holds(t, func(w *world) {
		w.takenOver(-time.Minute)
		w.faults(fakeclaude.Fault{Status: 200, Body: `{"access_token":"FAKE`, CutAfter: 10})
		w.run("token").want(0)
		w.cc.goesOn(ann)
		w.run("refresh", "--force").want(0)
	})
}
