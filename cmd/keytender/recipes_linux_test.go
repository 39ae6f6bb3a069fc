package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

// TestRecipesOfCallsWork runs the command lines of docs/recipes.md that call the API, against
// the stand-in: they get an answer, and no program gets the token as an argument.
func TestRecipesOfCallsWork(t *testing.T) {
	for _, name := range []string{"sh", "curl", "jq"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	_, section, _ := strings.Cut(document(t, "docs/recipes.md"), "\n## A call of the API\n")
	section, _, _ = strings.Cut(section, "\n## ")
	recipes := regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(section, -1)
	if len(recipes) != 2 {
		t.Fatalf("%d recipes", len(recipes))
	}
	server := fakeServer(t)
	access, refresh := server.Issue("a@example.com")
	dir := t.TempDir()
	// Stands before curl, and notes its arguments.
	real, _ := exec.LookPath("curl")
	testguard.Script(t, filepath.Join(dir, "curl"),
		"printf '%s\\n' \"$@\" >>\"$ARGS\"\nexec "+real+" \"$@\"")
	args := filepath.Join(dir, "args")
	path := dir + string(filepath.ListSeparator) + filepath.Dir(programPath("keytender")) +
		string(filepath.ListSeparator) + os.Getenv("PATH")
	env := append(bareEnv(t, server), "PATH="+path, "ARGS="+args, "NO_PROXY=127.0.0.1")
	run := func(line, stdin string) string {
		cmd := exec.Command("sh", "-c", line)
		cmd.Env, cmd.Stdin, cmd.Stderr = env, strings.NewReader(stdin), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
		return string(out)
	}
	run("keytender import -", `{"claudeAiOauth":{"accessToken":"`+access+`","refreshToken":"`+refresh+
		`","expiresAt":99999999999999,"scopes":["user:profile","user:inference"]}}`)
	for _, recipe := range recipes {
		before := server.Count("models")
		line := strings.ReplaceAll(recipe[1], "https://api.anthropic.com", server.APIURL())
		if out := run(line, ""); !strings.Contains(out, `"claude-fake-1"`) || server.Count("models") != before+1 {
			t.Errorf("%s answers %s", recipe[1], out)
		}
	}
	if said, err := os.ReadFile(args); err != nil || !strings.Contains(string(said),
		"anthropic-beta: oauth-2025-04-20") || strings.Contains(string(said), "sk-ant") {
		t.Errorf("curl's arguments: %s, %v", said, err)
	}
}
