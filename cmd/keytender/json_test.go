package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

// TestEveryVerbHasJSON, for scripts that know nothing but that.
func TestEveryVerbHasJSON(t *testing.T) {
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, verb := range cmd.Commands() {
			if verb.Flags().Lookup("json") == nil {
				t.Errorf("%s has no --json", verb.CommandPath())
			}
			look(verb)
		}
	}
	look(newRoot(&console{}, nil))
	look(newRoot(&console{}, []string{"refresh"}))
}

func TestWantsJSON(t *testing.T) {
	for line, want := range map[string]bool{"status --json": true, "status": false, "status --json=true": true,
		"status --json=false": false,
		"exec -- tool --json": false, "exec --json -- tool": true, "nonsense --json --nonsense": true} {
		if wantsJSON(strings.Fields(line)) != want {
			t.Errorf("%s: %v", line, !want)
		}
	}
}

// TestJSONIsOneObject: on stdout there is one object and nothing else, whatever the verb and
// however it ends, and the exit code is that without --json.
func TestJSONIsOneObject(t *testing.T) {
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	home := t.TempDir()
	run := func(stdin string, args ...string) (map[string]any, int) {
		t.Helper()
		cmd := exec.Command(programPath("keytender"), args...)
		cmd.Env = append(append(os.Environ(), server.Env()...), "HOME="+home, "USERPROFILE="+home,
			"XDG_CONFIG_HOME="+home, "PATH="+home,
			"KEYTENDER_HOME="+filepath.Join(home, "kt"), "KEYTENDER_STORE=file",
			"KEYTENDER_PORT="+testguard.FreePort(t))
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		exit := &exec.ExitError{}
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		var object map[string]any
		d := json.NewDecoder(bytes.NewReader(out))
		if err := d.Decode(&object); err != nil || d.More() || object["schemaVersion"] != 1.0 {
			t.Errorf("%v: %v on stdout: %s", args, err, out)
		}
		return object, cmd.ProcessState.ExitCode()
	}
	code := func(object map[string]any) string {
		problem, _ := object["error"].(map[string]any)
		word, _ := problem["code"].(string)
		if problem != nil && (problem["message"] == "" || word == "") {
			t.Errorf("%v", object)
		}
		return word
	}
	access, refresh := server.Issue("a@example.com")
	login := `{"claudeAiOauth":{"accessToken":"` + access + `","refreshToken":"` + refresh +
		`","expiresAt":4102444800000,"scopes":["user:profile","user:inference"]}}`
	type step struct {
		line  string
		stdin string
		exit  int
		code  string // of the error; empty: none
		has   string // a key of the object
	}
	steps := []step{
		{"token", "", 3, "signed-out", ""},
		{"status", "", 3, "", "state"},
		{"refresh", "", 3, "signed-out", ""},
		{"mirror", "", 3, "signed-out", ""},
		{"accounts", "", 0, "", "accounts"},
		{"places", "", 0, "", "places"},
		{"history", "", 0, "", "history"},
		{"logout --yes", "", 0, "", "steps"},
		{"api-key print", "", 1, "no-api-key", ""},
		{"api-key remove", "", 0, "", ""},
		{"switch nobody", "", 1, "no-account", ""},
		{"login --timeout 100ms --no-browser", "", 8, "timed-out", "problem"},
		{"login --port 70000", "", 2, "usage", "problem"},
		{"import nonsense", "", 2, "usage", ""},
		{"import -", "{", 1, "unusable", ""},
		{"import - --account ann", login, 0, "", "account"},
		{"token", "", 0, "", "accessToken"},
		{"mirror --dry-run", "", 0, "", "changes"},
		{"mirror", "", 0, "", "claudeCode"},
		{"refresh", "", 0, "", "renewed"},
		{"refresh --force", "", 0, "", "adopted"},
		{"switch ann", "", 0, "", "claudeCode"},
		{"accounts rename ann eve", "", 0, "", "account"},
		{"places forget nowhere", "", 1, "no-place", ""},
		{"doctor", "", 0, "", "checks"},
		{"api-key set", "sk-ant-api03-FAKE-key", 0, "", "masked"},
		{"api-key print", "", 0, "", "apiKey"},
		{"api-key remove", "", 2, "usage", ""},
		{"api-key remove --yes", "", 0, "", ""},
		{"export github", "", 2, "usage", ""},
		{"export github --repo o/n", "", 1, "no-gh", ""},
		{"version", "", 0, "", "version"},
		{"completion bash", "", 0, "", "report"},
		{"help token", "", 0, "", "report"},
		{"completion cobol", "", 2, "usage", ""},
		{"lgoin", "", 2, "usage", ""},
		{"token --min-valid soon", "", 2, "usage", ""},
		{"token --jsno", "", 2, "usage", ""},
		{"logout --account eve --yes", "", 0, "", "steps"},
	}
	// An unknown account is the same everywhere.
	for _, verb := range []string{"token", "refresh", "mirror", "mirror --dry-run", "logout --yes", "history",
		"api-key print", "api-key remove --yes", "export github --repo o/n"} {
		steps = append(steps, step{verb + " --account nobody", "", 1, "no-account", ""})
	}
	if runtime.GOOS == "linux" {
		steps = append(steps, step{"autostart off", "", 0, "", "on"})
	}
	for _, s := range steps {
		object, exit := run(s.stdin, append(strings.Fields(s.line), "--json")...)
		if exit != s.exit || code(object) != s.code {
			t.Errorf("%s: exit code %d, error %q, want %d, %q: %v", s.line, exit, code(object), s.exit, s.code, object)
		}
		if _, ok := object[s.has]; s.has != "" && !ok {
			t.Errorf("%s: no %s in %v", s.line, s.has, object)
		}
	}
	object, exit := run("", "status", "--account", "nobody", "--json")
	if problem, _ := object["problem"].(map[string]any); exit != 1 || problem["code"] != "no-account" {
		t.Errorf("status of an unknown account: %d, %v", exit, object)
	}
	if err := os.WriteFile(filepath.Join(home, "kt", "config.toml"), []byte("port = 0"), 0o600); err != nil {
		t.Fatal(err)
	}
	if object, exit := run("", "refresh", "--json"); exit != 2 || code(object) != "usage" {
		t.Errorf("an unusable setting: %d, %v", exit, object)
	}
}
