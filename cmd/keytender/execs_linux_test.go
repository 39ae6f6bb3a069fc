package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testbus"
)

// Every program that any of our programs starts, as the system sees it start: neither its
// arguments nor its environment hold a secret. Looking at /proc can miss a process that
// lives for less than a millisecond; this cannot.
func TestSweepExecutions(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed, so there is no trace of the executions to look at")
	}
	r := newRig(t)
	r.elsewhere()
	address := testbus.Start(t)
	testbus.Serve(t, address)
	r.env = append(r.env, "KEYTENDER_STORE=keychain", "DBUS_SESSION_BUS_ADDRESS="+address)

	trace := filepath.Join(t.TempDir(), "trace")
	traced := func(stdin string, args ...string) {
		t.Helper()
		// -v prints the environment whole, -s no text cut; -A goes on in the same file.
		cmd := exec.Command(strace, append([]string{"-f", "-qq", "-v", "-s", "1000000", "-e", "trace=execve,execveat",
			"-A", "-o", trace, r.program}, args...)...)
		cmd.Env, cmd.Dir, cmd.Stdin = r.env, r.dir, strings.NewReader(stdin)
		out, _ := cmd.CombinedOutput()
		if strings.Contains(string(out), "ptrace") && strings.Contains(string(out), "not permitted") {
			t.Skipf("strace may not trace here: %s", out)
		}
	}
	browser := filepath.Join(r.dir, "browser")
	access, _ := r.server.Issue("a@example.com")
	key := "sk-ant-api03-FAKE-" + planted
	for _, step := range []struct {
		faults []fakeclaude.Fault
		stdin  string
		args   string
	}{
		{args: "login --browser-command " + browser},
		{args: "refresh --force"},
		{faults: []fakeclaude.Fault{faults.Refusal(400, "invalid_request",
			"bad token sk-ant-ort01-FAKE-"+planted).For("renew")}, args: "refresh --force"},
		{faults: []fakeclaude.Fault{faults.Lost().For("exchange")}, args: "login --browser-command " + browser},
		{args: "login --method claude-code"},
		{args: "mirror"},
		{args: "mirror --undo"},
		{stdin: key, args: "api-key set"},
		{args: "export github --repo o/n --api-key"},
		{args: "login --long-lived --account ci --no-mirror --browser-command " + browser},
		{args: "export github --repo o/n"},
		{args: "lend --ssh host"},
		{args: "lend --container box"},
		{args: "refresh --force"},
		{args: "lend --all"},
		{args: "doctor"},
		{stdin: access, args: "import -"},
		{args: "logout --yes --revoke"},
	} {
		r.fault(step.faults...)
		traced(step.stdin, strings.Fields(step.args)...)
		if left := r.server.Behaviour().Faults; len(left) > 0 {
			t.Errorf("%s: not every fault was met: %v", step.args, left)
		}
	}

	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	started := map[string]int{}
	for _, found := range regexp.MustCompile(`execve\("([^"]+)", \[(.*?)\]`).FindAllStringSubmatch(string(text), -1) {
		name := filepath.Base(found[1])
		if strings.Contains(found[2], "internal-keychain-child") {
			name = "keychain child"
		}
		started[name]++
	}
	for _, name := range []string{"keytender", "keychain child", "browser", "claude", "gh", "ssh", "docker", "sh"} {
		if started[name] == 0 {
			t.Errorf("%s was never started: %v", name, started)
		}
	}
	if !strings.Contains(string(text), sweepMark) {
		t.Error("the trace shows no environment")
	}
	for _, secret := range append(r.server.Secrets(), key) {
		for _, needle := range needles(secret) {
			for line := range strings.Lines(string(text)) {
				if i := strings.Index(line, needle); i >= 0 {
					t.Errorf("an execution shows %s:\n…%s…", secret, line[max(0, i-200):min(len(line), i+100)])
				}
			}
		}
	}
	t.Logf("%d secrets, executions: %v", len(r.server.Secrets()), started)
}
