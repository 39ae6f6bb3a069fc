package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verdictOn is what a command line that cannot be used is told.
func verdictOn(t *testing.T, args ...string) *usageError {
	t.Helper()
	c := &console{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, listen: func() {},
		lookup:  func(name string) (string, bool) { return "", false },
		environ: func() []string { return nil }}
	root := newRoot(c, args)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	usage, ok := err.(*usageError)
	if !ok {
		t.Fatalf("%v: %v is no usage error", args, err)
	}
	return usage
}

// TestTypingErrors: each is told in our words, with what was meant; nothing of Go shows, and
// nothing that may be a secret is repeated.
func TestTypingErrors(t *testing.T) {
	tests := []struct{ line, message, hint string }{
		{"lgoin", "there is no such verb", "did you mean `keytender login`?"},
		{"tokn", "there is no such verb", "did you mean `keytender token`?"},
		{"whoami", "there is no such verb", "did you mean `keytender status`?"},
		{"signin", "there is no such verb", "did you mean `keytender login`?"},
		{"renew", "there is no such verb", "did you mean `keytender refresh`?"},
		{"lgoin --no-browser --json", "there is no such verb", "did you mean `keytender login`?"},
		{"--verson", "there is no flag --verson", "did you mean --version?"},
		{"xyzzy", "there is no such verb", "`keytender help` lists the verbs"},
		{"help lgoin", "there is no such verb", "did you mean `keytender login`?"},
		{"sk-ant-oat01-FAKE", "there is no such verb", "`keytender help` lists the verbs"},
		{"accounts renmae a b", "there is no such verb", "did you mean `keytender accounts rename`?"},
		{"api-key prnt", "`keytender api-key` takes one of", "did you mean `keytender api-key print`?"},
		{"places forgett x", "there is no such verb", "did you mean `keytender places forget`?"},
		{"token extra", "`keytender token` takes no argument", "--help"},
		{"token --acount a", "there is no flag --acount", "did you mean --account?"},
		{"token --min-vaild 5m", "there is no flag --min-vaild", "did you mean --min-valid?"},
		{"login --no-brwoser", "there is no flag --no-brwoser", "did you mean --no-browser?"},
		{"login --browser", "there is no flag --browser", "did you mean --browser-command?"},
		{"status --jsn", "there is no flag --jsn", "did you mean --json?"},
		{"status --xyzzy", "there is no flag --xyzzy", "`keytender status --help` lists the flags"},
		{"status --sk-ant-oat01-FAKE", "there is no such flag", "`keytender status --help` lists the flags"},
		{"status -x", "there is no such flag", "`keytender status --help` lists the flags"},
		{"token --min-valid soon", "--min-valid takes a length of time, say 90s, 5m or 8h", "--help"},
		{"token --min-valid 5", "--min-valid takes a length of time", "--help"},
		{"login --timeout 1x", "--timeout takes a length of time", "--help"},
		{"login --port abc", "--port takes a whole number", "--help"},
		{"login --console=perhaps", "--console takes true or false", "--help"},
		{"token --account", "--account needs a value", "--help"},
		{"logout --account=", "--account is empty", "`keytender accounts`"},
		{"login --account=", "--account is empty", "leave it out"},
	}
	for _, test := range tests {
		got := verdictOn(t, strings.Fields(test.line)...)
		if !strings.HasPrefix(got.message, test.message) || !strings.Contains(got.hint, test.hint) {
			t.Errorf("%s: %s; %s", test.line, got.message, got.hint)
		}
		all := got.message + got.hint
		for _, word := range []string{"FAKE", "time:", "strconv", "parsing", "pflag", "soon", "abc", "perhaps"} {
			if strings.Contains(all, word) {
				t.Errorf("%s: %q shows in %s", test.line, word, all)
			}
		}
	}
}

// TestNearNamesExist: a verb that is suggested is one that there is, and no other name hides one.
func TestNearNamesExist(t *testing.T) {
	names := map[string]bool{}
	for _, v := range verbs {
		names[v.name] = true
	}
	for verb, others := range otherNames() {
		if !names[verb] {
			t.Errorf("there is no verb %s", verb)
		}
		for _, other := range others {
			if names[other] {
				t.Errorf("%s is a verb of its own", other)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"a", ""}: 1, {"json", "json"}: 0, {"jsno", "json"}: 1,
		{"acount", "account"}: 1, {"abc", "xyz"}: 3} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d, want %d", pair, got, want)
		}
	}
}

// TestFlagKindsHaveWords: whatever kind of flag a verb gets, a wrong value is told in our words.
func TestFlagKindsHaveWords(t *testing.T) {
	root := newRoot(&console{}, nil)
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if kind := f.Value.Type(); kind != "string" && kinds[kind] == "" {
				t.Errorf("%s --%s is of kind %s", cmd.CommandPath(), f.Name, kind)
			}
		})
		for _, below := range cmd.Commands() {
			look(below)
		}
	}
	look(root)
}
