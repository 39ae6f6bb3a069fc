//go:build !windows

package clipboard

import (
	"slices"
	"testing"
)

// Without a language, which launchd gives to nobody, pbcopy and pbpaste garble what is
// not ASCII.
func TestMacClipboardIsUTF8(t *testing.T) {
	got := clipboards("darwin", func(string) string { return "" })
	if len(got) != 1 || got[0].copy[0] != "pbcopy" || got[0].paste[0] != "pbpaste" ||
		!slices.Contains(got[0].env, "LC_CTYPE=UTF-8") {
		t.Errorf("%v", got)
	}
}
