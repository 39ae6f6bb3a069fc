package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// fault is something that goes wrong, made for real. docs/troubleshooting.md has a row for
// each.
type fault struct {
	name   string // of its row
	bare   bool   // nobody signed in before
	behave func(b *fakeclaude.Behaviour)
	scope  string
	make   func(r *faulty)
	finds  string // what doctor prints of it
	mends  string // what doctor --fix prints; empty: a person must do it
	// what doctor prints after --undo, where that is not the same: what Claude Code takes for no login becomes none
	undone string
}

// faulty is an installation with a fault.
type faulty struct{ *rig }

// entryWith changes Claude Code's entry as another program does.
func (r *faulty) entryWith(change func(whole, login map[string]any)) {
	r.Helper()
	whole := map[string]any{}
	data, err := os.ReadFile(r.entry)
	if err == nil {
		err = json.Unmarshal(data, &whole)
	}
	if err != nil {
		r.Fatal(err)
	}
	login, _ := whole["claudeAiOauth"].(map[string]any)
	change(whole, login)
	data, _ = json.Marshal(whole)
	r.write(r.entry, string(data))
}

func (r *faulty) write(path, text string) {
	r.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *faulty) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *faulty) claude(name string) string { return filepath.Join(r.home, ".claude", name) }

func (r *faulty) state(name string) string { return filepath.Join(r.home, "kt", "state", name) }

func (r *faulty) set(name, value string) {
	r.env = slices.DeleteFunc(r.env, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
	if value != "" {
		r.env = append(r.env, name+"="+value)
	}
}

func (r *faulty) lockedAt(path string, age time.Duration) {
	r.must(os.Mkdir(path, 0o700))
	at := time.Now().Add(-age)
	r.must(os.Chtimes(path, at, at))
}

// fill puts the folder on a small disk of its own, and fills that.
func (r *faulty) fill(dir string) {
	r.Helper()
	aside := r.TempDir()
	r.must(os.CopyFS(aside, os.DirFS(dir)))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=1m,mode=700"); err != nil {
		r.Skipf("no small disk can be mounted here: %v", err)
	}
	r.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	r.must(os.CopyFS(dir, os.DirFS(aside)))
	filler, err := os.OpenFile(filepath.Join(dir, "filler"), os.O_CREATE|os.O_WRONLY, 0o600)
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		r.Fatal(err)
	}
	_ = filler.Close()
}

const whole = `{"claudeAiOauth":{"accessToken":"FAKE-strange","refreshToken":"FAKE-strange-r","expiresAt":4102444800000,"scopes":["user:profile","user:inference"],"accountUuid":"FAKE-other"}}`

var madeFaults = []fault{
	{name: "nobody is signed in", bare: true, make: func(*faulty) {}, finds: "warn login: nobody is signed in"},
	{name: "the server ended the login", finds: "FAIL login: the login has ended",
		make: func(r *faulty) {
			r.fault(faults.Refusal(400, "invalid_grant", "no"))
			r.run("refresh", "--force")
		}},
	{name: "another program spent the refresh token", finds: "warn other programs: .* called a refresh token spent",
		make: func(r *faulty) {
			r.fault(faults.Refusal(400, "invalid_grant", "no"))
			r.run("refresh", "--force")
		}},
	{name: "the login ends within three days", finds: "warn login: it ends in 2 days",
		behave: func(b *fakeclaude.Behaviour) { b.LoginLife = 49 * time.Hour }, make: func(*faulty) {}},
	{name: "the login lacks user:inference", scope: "user:profile", make: func(*faulty) {},
		finds: "FAIL scopes: the login lacks user:inference"},
	{name: "Claude Code's entry is damaged", finds: "FAIL Claude Code's entry: .*damaged",
		mends: "moved .*credentials.json aside",
		make:  func(r *faulty) { r.write(r.entry, `{"claudeAiOauth":{"accessToken":"FAKE`) }},
	{name: "Claude Code blanked its entry", finds: "FAIL Claude Code's entry: Claude Code blanked it",
		mends: "Claude Code's entry: ",
		make: func(r *faulty) {
			r.entryWith(func(_, login map[string]any) {
				login["accessToken"], login["refreshToken"], login["expiresAt"] = "", "", 0
			})
		}, undone: "warn Claude Code's entry: there is no login in it"},
	{name: "Claude Code does not accept its entry",
		finds: "FAIL Claude Code's entry: Claude Code does not accept it: its scopes are not a list",
		mends: "Claude Code's entry: ",
		make: func(r *faulty) {
			r.entryWith(func(_, login map[string]any) { login["scopes"] = "user:profile user:inference" })
		}, undone: "warn Claude Code's entry: there is no login in it"},
	{name: "Claude Code was signed out", finds: "warn Claude Code's entry: Claude Code was signed out",
		make: func(r *faulty) { r.must(os.Remove(r.entry)) }},
	{name: "another login lies in Claude Code's entry",
		finds: "warn Claude Code's entry: it holds the login of another account .FAKE-oth….",
		make:  func(r *faulty) { r.write(r.entry, whole) }},
	{name: "a newer Claude Code keeps its login otherwise",
		finds: "FAIL Claude Code's entry: .*in a way that this keytender does not know",
		make: func(r *faulty) {
			r.entryWith(func(_, login map[string]any) { login["accessToken"] = map[string]string{"sealed": "FAKE"} })
		}},
	{name: "no file stands where the entry belongs", finds: "FAIL Claude Code's entry: it cannot be used",
		make: func(r *faulty) { r.must(os.Remove(r.entry)); r.must(os.Mkdir(r.entry, 0o700)) }},
	{name: "others may read Claude Code's entry", finds: `warn permissions: .*/\.credentials\.json has mode 0644`,
		mends: `\.credentials\.json now has mode 0600`,
		make:  func(r *faulty) { r.must(os.Chmod(r.entry, 0o644)) }},
	{name: "others may write into Claude Code's folder", finds: `warn permissions: .*/\.claude has mode 0777`,
		mends: `\.claude now has mode 0755`,
		make:  func(r *faulty) { r.must(os.Chmod(r.claude(""), 0o777)) }},
	{name: "others may read our files", finds: "warn permissions: .*history.jsonl has mode 0644",
		mends: "history.jsonl now has mode 0600",
		make:  func(r *faulty) { r.must(os.Chmod(r.state("history.jsonl"), 0o644)) }},
	{name: "a file lies in the place of a lock", finds: "warn Claude Code's locks: .*it is no directory",
		mends: "moved the lock .* aside",
		make:  func(r *faulty) { r.write(r.claude(".storage-write.lock"), "") }},
	{name: "a lock was left behind", finds: "warn Claude Code's locks: .*left behind 10 minutes ago",
		mends: "removed the lock ",
		make:  func(r *faulty) { r.lockedAt(r.claude(".oauth_refresh.lock"), 10*time.Minute) }},
	{name: "a lock was left behind with something in it", finds: "warn Claude Code's locks: .*there is something in it",
		mends: "moved the lock .* aside",
		make: func(r *faulty) {
			r.write(r.claude(".storage-write.lock/x"), "")
			at := time.Now().Add(-time.Hour)
			r.must(os.Chtimes(r.claude(".storage-write.lock"), at, at))
		}},
	{name: "a lock is dated ahead", finds: "warn Claude Code's locks: .*dated (1 hour|60 minutes) ahead",
		mends: "moved the lock .* aside",
		make:  func(r *faulty) { r.lockedAt(r.home+"/.claude.lock", -time.Hour) }},
	{name: "Claude Code's settings are broken", finds: "warn Claude Code's settings: .*settings.json cannot be used",
		make: func(r *faulty) { r.write(r.claude("settings.json"), `{"env":`) }},
	{name: "a project's settings are broken",
		finds: "warn Claude Code's settings: .*settings.local.json cannot be used",
		make:  func(r *faulty) { r.write(filepath.Join(r.dir, ".claude", "settings.local.json"), `[]`) }},
	{name: "Claude Code's state file is broken", finds: "warn Claude Code's settings: .*claude.json is no JSON object",
		make: func(r *faulty) { r.write(r.home+"/.claude.json", `{"a":`) }},
	{name: "Claude Code's settings name a key helper", finds: "warn overrides: .*apiKeyHelper",
		make: func(r *faulty) { r.write(r.claude("settings.json"), `{"apiKeyHelper":"/bin/true"}`) }},
	{name: "a variable stands before the entry", finds: "warn overrides: .*ANTHROPIC_API_KEY",
		make: func(r *faulty) { r.set("ANTHROPIC_API_KEY", "sk-ant-api03-FAKE-x") }},
	{name: "requests go through a gateway", finds: "warn Claude Code's settings: .*through a gateway",
		make: func(r *faulty) { r.set("ANTHROPIC_BASE_URL", "https://gateway.example") }},
	{name: "an enterprise gateway stands in the entry", finds: "warn Claude Code's settings: an enterprise gateway",
		make: func(r *faulty) {
			r.entryWith(func(whole, _ map[string]any) {
				whole["enterpriseGateway"] = map[string]string{"url": "https://gateway.example"}
			})
		}},
	{name: "Claude Code's state file names another person", finds: "warn identity: ",
		mends: "state file names the person of the login",
		make: func(r *faulty) {
			r.write(r.home+"/.claude.json",
				`{"numStartups":7,"oauthAccount":{"accountUuid":"FAKE-former","emailAddress":"b@example.com","organizationUuid":"FAKE-org"}}`)
		}},
	{name: "the setting of the store is at odds",
		finds: "warn store: the settings say keychain, and the logins lie in the file store",
		make:  func(r *faulty) { r.set("KEYTENDER_STORE", "keychain") }},
	{name: "config.toml cannot be read", finds: "FAIL settings: .*it is not valid TOML .line 1.",
		make: func(r *faulty) { r.write(r.home+"/kt/config.toml", "port = = 1\n") }},
	{name: "a variable is misspelled", finds: "FAIL settings: KEYTENDER_PROT: there is no such variable",
		make: func(r *faulty) { r.set("KEYTENDER_PROT", "8765") }},
	{name: "there is no home", finds: "FAIL settings: HOME: it is not set",
		make: func(r *faulty) { r.set("KEYTENDER_HOME", ""); r.set("HOME", "") }},
	{name: "the list of accounts is damaged", finds: "FAIL login: .*ledger.json is damaged",
		mends: "list of accounts .* aside, and found 1 account again",
		make:  func(r *faulty) { r.write(r.state("ledger.json"), `{"version":2,"acc`) }},
	{name: "the file store is damaged, and a login stands whole in it or in the entry", finds: "FAIL login: .*damaged",
		mends: "took over the logins in it and in Claude Code's entries: a",
		make:  func(r *faulty) { r.write(r.home+"/kt/credentials.json", `{"a":{"acc`) }},
	{name: "the file store is damaged, and no login stands whole", finds: "FAIL login: .*damaged",
		make: func(r *faulty) {
			r.write(r.home+"/kt/credentials.json", `{"a":{"acc`)
			r.write(r.entry, "{}")
		}},
	{name: "a directory of Claude Code's is gone", finds: "warn places: .*its directory is not there",
		make: func(r *faulty) {
			work := filepath.Join(r.home, "work")
			r.must(os.Mkdir(work, 0o700))
			r.set("CLAUDE_CONFIG_DIR", work)
			r.well("mirror")
			r.set("CLAUDE_CONFIG_DIR", "")
			r.must(os.RemoveAll(work))
			r.well("refresh", "--force")
		}},
	{name: "a write was cut off", finds: "warn spill files: .*was left behind", mends: "moved .* out of the way",
		make: func(r *faulty) {
			path := r.claude(".credentials.json.tmp.12ab34cd")
			r.write(path, "{}")
			at := time.Now().Add(-2 * time.Hour)
			r.must(os.Chtimes(path, at, at))
		}},
	{name: "the disk is full", finds: "FAIL disk: 0 KiB are free where .*/state lies",
		make: func(r *faulty) { r.fill(r.state("")) }},
	{name: "the clock is far from the server's",
		finds: "warn clock: at the server's last response .* this clock was (59 minutes|1 hour) behind",
		make: func(r *faulty) {
			date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
			r.fault(fakeclaude.Fault{Status: 503, Header: map[string]string{"Date": date}})
			r.run("refresh", "--force")
		}},
	{name: "the clock was put back", finds: "warn clock: it was put back: .*1 (day|hour) ahead",
		make: func(r *faulty) {
			f, err := os.OpenFile(r.state("history.jsonl"), os.O_APPEND|os.O_WRONLY, 0o600)
			r.must(err)
			_, err = fmt.Fprintf(f, "{\"at\":%q,\"account\":\"a\",\"what\":\"renewed\",\"who\":\"keytender\"}\n",
				time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339))
			r.must(err)
			r.must(f.Close())
		}},
	{name: "the callback port is taken", finds: "warn callback port: ",
		make: func(r *faulty) {
			port := testguard.FreePort(r.T)
			l, err := net.Listen("tcp", "127.0.0.1:"+port)
			r.must(err)
			r.Cleanup(func() { _ = l.Close() })
			r.set("KEYTENDER_PORT", port)
		}},
	{name: "another keytender is at work", finds: "warn our lock: another keytender is at work",
		make: func(r *faulty) {
			l := flock.New(r.state("lock"))
			if ok, err := l.TryLock(); err != nil || !ok {
				r.Fatal(ok, err)
			}
			r.Cleanup(func() { _ = l.Close() })
		}},
	{name: "Claude Code is too old", finds: "warn Claude Code: Claude Code 2.0.76 is too old",
		make: func(r *faulty) { r.set("FAKE_CLAUDE", "old") }},
	{name: "Claude Code is newer than what was checked", finds: "warn facts: Claude Code 2.1.99999 is newer",
		make: func(r *faulty) { r.set("FAKE_CLAUDE", "newest") }},
	{name: "there are several versions of Claude Code",
		finds: "warn Claude Code: there are several of different versions: 2.1.329 comes first, and 2.1.100 in ",
		make: func(r *faulty) {
			r.write(r.home+"/.local/bin/claude", "#!/bin/sh\necho '2.1.100 (Claude Code)'\n")
			r.must(os.Chmod(r.home+"/.local/bin/claude", 0o700))
		}},
	{name: "OpenCode renews the same login", finds: "warn other programs: OpenCode holds tokens of the account a",
		make: func(r *faulty) {
			r.entryWith(func(_, login map[string]any) {
				text, _ := json.Marshal(map[string]any{"anthropic": map[string]any{"type": "oauth",
					"access": login["accessToken"], "refresh": login["refreshToken"]}})
				r.write(r.home+"/.local/share/opencode/auth.json", string(text))
			})
		}},
	{name: "an exported token has ended", finds: "warn exports: CLAUDE_CODE_OAUTH_TOKEN in o/n has ended",
		make: func(r *faulty) {
			r.write(r.state("exports.json"),
				`{"version":1,"exports":[{"repo":"o/n","secret":"CLAUDE_CODE_OAUTH_TOKEN","account":"a","at":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z"}]}`)
		}},
	{name: "the desktop's session bus does not answer", finds: "warn desktop: the session bus does not answer",
		make: func(r *faulty) { r.set("DISPLAY", ":7") }},
	{name: "what starts with the session is gone", finds: "warn autostart: /gone/keytender-tray is to be started",
		make: func(r *faulty) {
			r.write(r.home+"/.config/autostart/keytender.desktop", "[Desktop Entry]\nExec=/gone/keytender-tray\n")
		}},
}

// faultsOfOthers cannot be made with this program on this system; another test makes them.
var faultsOfOthers = map[string]string{
	"there are further keychain items (macOS)": "internal/session/doctor_items_test.go:TestFurtherKeychainItems",
}

func newFaulty(t *testing.T, f fault) *faulty {
	t.Helper()
	r := &faulty{newRig(t)}
	r.set("KEYTENDER_PORT", testguard.FreePort(t))
	r.set("XDG_DATA_HOME", "")
	if f.behave != nil {
		r.server.Set(f.behave)
	}
	switch {
	case f.scope != "":
		r.login("browser", "--scope", f.scope)
	case !f.bare:
		if exit := r.login("browser"); exit != 0 {
			t.Fatalf("login: exit %d\n%v", exit, r.said)
		}
	}
	f.make(r)
	return r
}

// TestFaults makes each fault for real: doctor finds it, says what it means and what to do,
// --fix mends it and --undo takes that back, where the table says so.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("each fault is an installation of its own")
	}
	for _, f := range madeFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			r := newFaulty(t, f)
			finds := regexp.MustCompile(`(?m)^[⚠✗] ` + f.finds + `.*\n  means: .+\n  hint: .+$`)
			_, out := r.run("doctor")
			if n := len(finds.FindAllString(out, -1)); n != 1 {
				t.Fatalf("found %d times:\n%s", n, out)
			}
			if f.mends == "" {
				return
			}
			_, mended := r.run("doctor", "--fix", "--yes")
			if !regexp.MustCompile(`(?m)^✓ Mended: .*`+f.mends).MatchString(mended) || finds.MatchString(mended) {
				t.Fatalf("mended:\n%s", mended)
			}
			if exit, out := r.run("doctor"); exit != 0 || finds.MatchString(out) {
				t.Fatalf("after that exit %d:\n%s", exit, out)
			}
			if exit, out := r.run("doctor", "--undo"); exit != 0 {
				t.Fatalf("undone, exit %d:\n%s\n%v", exit, out, r.said)
			}
			if f.undone != "" {
				finds = regexp.MustCompile(f.undone)
			}
			if _, out := r.run("doctor"); !finds.MatchString(out) {
				t.Errorf("undone:\n%s", out)
			}
		})
	}
}

// TestFaultsAreDocumented holds the table of docs/troubleshooting.md.
func TestFaultsAreDocumented(t *testing.T) {
	rows := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^\| ([^|]+) \| (yes, and taken back|no) \|`).FindAllStringSubmatch(
		pages(t)["docs/troubleshooting.md"], -1) {
		rows[found[1]] = found[2]
	}
	if len(madeFaults) < 30 {
		t.Errorf("there are %d faults", len(madeFaults))
	}
	for _, f := range madeFaults {
		want := "no"
		if f.mends != "" {
			want = "yes, and taken back"
		}
		if rows[f.name] != want {
			t.Errorf("| %s | %s | is not in the table: %q", f.name, want, rows[f.name])
		}
		delete(rows, f.name)
	}
	for name, test := range faultsOfOthers {
		file, function, _ := strings.Cut(test, ":")
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil || !strings.Contains(string(text), "func "+function+"(") {
			t.Errorf("there is no %s (%v)", test, err)
		}
		if rows[name] != "no" {
			t.Errorf("| %s | no | is not in the table: %q", name, rows[name])
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("the table has a row %q, and no test makes that", name)
	}
}

// TestClaudeIsAskedOnce: a run of doctor starts Claude Code for its version, which takes a
// second, one time.
func TestClaudeIsAskedOnce(t *testing.T) {
	r := newFaulty(t, fault{make: func(*faulty) {}})
	calls := filepath.Join(r.dir, "calls")
	r.must(os.Remove(filepath.Join(r.dir, "claude"))) // a link
	r.must(os.WriteFile(filepath.Join(r.dir, "claude"),
		[]byte("#!/bin/sh\necho \"$*\" >>"+calls+"\necho '2.1.329 (Claude Code)'\n"), 0o755))
	if _, out := r.run("doctor", "--verbose"); !strings.Contains(out, "2.1.329") {
		t.Errorf("doctor does not tell the version:\n%s", out)
	}
	if text, err := os.ReadFile(calls); err != nil || string(text) != "--version\n" {
		t.Errorf("called with %q (%v)", text, err)
	}
}

// hinted are the command lines of ours in a hint.
var hinted = regexp.MustCompile("`(keytender [^`]+)`")

// TestHintsLeadOn runs each hint's first command in the state in which the hint was given:
// it ends well, or says itself what to do, and that is something else.
func TestHintsLeadOn(t *testing.T) {
	if testing.Short() {
		t.Skip("each hint is an installation of its own")
	}
	for _, f := range madeFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for _, line := range newFaulty(t, f).hints() {
				r := newFaulty(t, f)
				exit, said := r.follow(line)
				if exit == 0 {
					continue
				}
				next := regexp.MustCompile(`(?m)^ *hint: (.+)$`).FindAllStringSubmatch(said, -1)
				if next == nil || slices.ContainsFunc(next,
					func(hint []string) bool { return strings.HasPrefix(hint[1], "`"+line+"`") }) {
					t.Errorf("%s: exit %d, and leads nowhere:\n%s", line, exit, said)
				}
			}
		})
	}
}

// hints are the first commands in what doctor, status and token advise here.
func (r *faulty) hints() (lines []string) {
	for _, verb := range []string{"doctor", "status", "token"} {
		_, _ = r.run(verb)
	}
	for _, said := range r.said {
		for _, hint := range regexp.MustCompile(`(?m)^ *hint: (.+)$`).FindAllStringSubmatch(said, -1) {
			found := hinted.FindStringSubmatch(hint[1])
			if found != nil && !slices.Contains(lines, found[1]) &&
				!strings.ContainsAny(found[1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ…") {
				lines = append(lines, found[1])
			}
		}
	}
	return lines
}

// follow runs a command line as somebody does who reads it, answering what it asks.
func (r *faulty) follow(line string) (exit int, said string) {
	switch {
	case line == "keytender login", strings.HasPrefix(line, "keytender login ") &&
		!strings.Contains(line, "claude-code"), strings.HasSuffix(line, " --new-token"):
		line += " --timeout 20s --browser-command browser"
	case strings.HasPrefix(line, "keytender logout"):
		line += " --yes"
	}
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "exec "+line)
	cmd.Dir = r.dir
	cmd.Env = slices.DeleteFunc(slices.Clone(r.env),
		func(pair string) bool { return strings.HasPrefix(pair, "DISPLAY=") })
	for i, pair := range cmd.Env {
		if path, ok := strings.CutPrefix(pair, "PATH="); ok {
			cmd.Env[i] = "PATH=" + filepath.Dir(r.program) + ":" + path
		}
	}
	out, _ := cmd.CombinedOutput()
	if ctx.Err() != nil {
		r.Fatalf("%s does not end:\n%s", line, out)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
