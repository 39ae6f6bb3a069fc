package shown

import (
	"os/exec"
	"testing"
)

func TestQuoted(t *testing.T) {
	for word, want := range map[string]string{"/home/ann/.claude": "'/home/ann/.claude'", "": "''",
		"it's": `'it'\''s'`} {
		if got := Quoted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell here")
	}
	for _, word := range []string{"a b", "''", `'\''`, "$HOME `id` \\ \"*", "-x\ny"} {
		if out, err := exec.Command(sh, "-c", "printf %s "+Quoted(word)).Output(); err != nil || string(out) != word {
			t.Errorf("%q arrives as %q: %v", word, out, err)
		}
	}
}
