package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBashCompletesByItself: a shell without the package bash-completion offers names of
// ours, and no files.
func TestBashCompletesByItself(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	r := &faulty{newRig(t)}
	r.well("login", "--timeout", "20s", "--browser-command", filepath.Join(r.dir, "browser"))
	_, script := r.run("completion", "bash")
	r.write(filepath.Join(r.dir, "complete"), script+`
try() {
    COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
    read -ra COMP_WORDS <<<"$1"
    case $1 in *\ ) COMP_WORDS+=("") ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    __start_keytender
    echo "${COMPREPLY[*]}"
}
while read -r line; do try "${line%.}"; done
`)
	for line, want := range map[string]string{
		"keytender swi":              "switch",
		"keytender switch ":          "a",
		"keytender switch a ":        "",
		"keytender login --method":   "--method",
		"keytender login --method ":  "browser claude-code paste",
		"keytender token --account ": "a",
		"keytender import ":          "- claude-code opencode",
		"keytender status ":          "",
		"keytender places forget ":   "file:" + r.entry,
	} {
		cmd := exec.Command(bash, "--norc", "--noprofile", filepath.Join(r.dir, "complete"))
		cmd.Env, cmd.Dir, cmd.Stdin = append(r.env,
			"PATH="+filepath.Dir(r.program)+":/usr/bin:/bin"), r.dir, strings.NewReader(line+".\n")
		out, err := cmd.Output() // compopt complains where no line is completed
		if got := sorted(string(out)); err != nil || got != want {
			t.Errorf("%q: %q, want %q (%v)", line, got, want, err)
		}
	}
}

// sorted is the words of a text in order.
func sorted(text string) string {
	words := strings.Fields(text)
	slices.Sort(words)
	return strings.Join(words, " ")
}
