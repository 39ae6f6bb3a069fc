package language

import (
	"os"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestChoose(t *testing.T) {
	for choices, want := range map[string]string{
		"":            English,
		"de_DE.UTF-8": German,
		"fr-CA fr en": French,
		"ES@euro":     Spanish,
		"ja-JP":       Japanese,
		"zh-CN":       Chinese,
		"zh-TW":       English,
		"zh-TW ja":    Japanese,
		"zh-Hant-CN":  English,
		"zh-Hans-HK":  Chinese,
		"pt-BR de":    German,
		"pt-BR":       English,
		"C.UTF-8 de":  English,
		"POSIX":       English,
		"en-GB de":    English,
		"dex":         English,
		"../../etc":   English,
		"ja_JP.eucJP": Japanese,
		"de_AT@euro":  German,
		"pt-BR fr-FR": French,
	} {
		if got := Choose(strings.Fields(choices)...); got != want {
			t.Errorf("%q: %s, want %s", choices, got, want)
		}
	}
}

func TestAccepted(t *testing.T) {
	for field, want := range map[string]string{
		"":                              "",
		"de":                            "de",
		"de-DE,de;q=0.9,en;q=0.8":       "de-DE de en",
		"en;q=0.2, fr; q=0.9 ,ja;q=1.0": "ja fr en",
		"en;q=0,es;q=0.1":               "es",
		"de;q=x,fr;q=0.5":               "fr",
		"*":                             "*",
		";q=1,,":                        "",
		"fr;level=1":                    "fr",
	} {
		if got := strings.Join(Accepted(field), " "); got != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
	if got := len(Accepted(strings.Repeat("a,", 5000))); got != mostAccepted {
		t.Errorf("%d languages of an endless list are taken", got)
	}
}
