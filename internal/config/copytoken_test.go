package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCopyTokenIsAChoice: the token comes near the clipboard only when a person has
// asked for it in so many words.
func TestCopyTokenIsAChoice(t *testing.T) {
	for _, c := range []struct {
		variable, file string
		want           bool
		bad            string
	}{
		{"", "", false, ""},
		{"true", "", true, ""},
		{"", "copy_token = true\n", true, ""},
		{"false", "copy_token = true\n", false, ""},
		{"yes please", "", false, "KEYTENDER_COPY_TOKEN"},
		{"", "copy_token = 2\n", false, "copy_token"},
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"KEYTENDER_HOME": home, "KEYTENDER_COPY_TOKEN": c.variable}
		cfg, err := Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			[]string{"KEYTENDER_COPY_TOKEN=" + c.variable})
		if cfg.CopyToken != c.want || (err != nil) != (c.bad != "") || err != nil &&
			!strings.Contains(err.Error(), c.bad) {
			t.Errorf("%+v: %v, %v", c, cfg.CopyToken, err)
		}
	}
}
