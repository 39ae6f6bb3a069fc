package keychain

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"keytender/internal/secret"
)

func TestSplit(t *testing.T) {
	for name, record := range map[string]string{
		"just over": strings.Repeat("x", maxRecord+1),
		"two whole": strings.Repeat("x", 2*maxRecord),
		"wide":      strings.Repeat("ä", 4000),
		"wider":     "x" + strings.Repeat("鍵", 3000),
		"widest":    strings.Repeat("🔑", 2000) + "x",
	} {
		parts := split(record)
		if strings.Join(parts, "") != record || len(parts) < 2 {
			t.Errorf("%s: %d parts that are not the record", name, len(parts))
		}
		for _, part := range parts {
			if len(part) > maxRecord || part == "" || !utf8.ValidString(part) {
				t.Errorf("%s: a part of %d bytes", name, len(part))
			}
		}
	}
}

func TestReadHead(t *testing.T) {
	for text, want := range map[string]bool{
		`{"type":"parts","slot":"a","parts":2,"sum":"FAKE"}`: true,
		`{"type":"oauth","access":"FAKE"}`:                   false,
		`{"type":"api-key"}`:                                 false,
		`parts`:                                              false,
		``:                                                   false,
		`[]`:                                                 false,
		`{"type":"parts"` + strings.Repeat(" ", maxRecord): false,
	} {
		if _, ok := readHead(text); ok != want {
			t.Errorf("%.60s: %v", text, ok)
		}
	}
}

func TestTooBigForTheKeychain(t *testing.T) {
	k := program(t, `cat >/dev/null; echo '{"error":"not-found"}'`)
	if err := k.Save(t.Context(), "default", secret.New(strings.Repeat("x", maxParts*maxRecord+1))); !errors.Is(err,
		ErrTooBig) {
		t.Errorf("%v", err)
	}
}
