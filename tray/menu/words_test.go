package menu

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"keytender/internal/session"
	"keytender/tray/traytest"
)

// texts are all texts of a catalogue but the problems, by name.
func (w *Words) texts() map[string]string {
	all := map[string]string{}
	v := reflect.ValueOf(*w)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String {
			all[v.Type().Field(i).Name] = v.Field(i).String()
		}
	}
	return all
}

var verb = regexp.MustCompile(`%[a-z%]`)

// TestNoTextIsMissing: each language has every text, with what the English one takes,
// and says it in its own words.
func TestNoTextIsMissing(t *testing.T) {
	for language, w := range languages {
		equal := 0
		for name, text := range w.texts() {
			wanted := english.texts()[name]
			switch {
			case text == "":
				t.Errorf("%s: %s is missing", language, name)
			case !slices.Equal(verb.FindAllString(text, -1), verb.FindAllString(wanted, -1)):
				t.Errorf("%s: %s takes %q, and English %q", language, name, verb.FindAllString(text, -1),
					verb.FindAllString(wanted, -1))
			case text != strings.TrimSpace(text):
				t.Errorf("%s: %s has blanks around it", language, name)
			case strings.Contains(text, "...") || strings.HasSuffix(wanted, "…") != strings.HasSuffix(text, "…"):
				t.Errorf("%s: the dots of %s are not as in English", language, name)
			case strings.Count(text, "\nhint: ") != strings.Count(wanted, "\nhint: "):
				t.Errorf("%s: %s lacks a hint", language, name)
			}
			for command := range regexpAll("`[^`]+`", wanted) {
				if !strings.Contains(text, command) {
					t.Errorf("%s: %s does not name %s", language, name, command)
				}
			}
			if text == wanted {
				equal++
			}
		}
		if language != "en" && equal > 12 {
			t.Errorf("%s: %d texts are the English ones", language, equal)
		}
	}
}

func regexpAll(pattern, text string) map[string]bool {
	found := map[string]bool{}
	for _, s := range regexp.MustCompile(pattern).FindAllString(text, -1) {
		found[s] = true
	}
	return found
}

// TestProblemsInEveryLanguage: the codes are the same in all.
func TestProblemsInEveryLanguage(t *testing.T) {
	codes := slices.Sorted(maps.Keys(german.Problems))
	for language, w := range languages {
		if got := slices.Sorted(maps.Keys(w.Problems)); !slices.Equal(got, codes) {
			t.Errorf("%s knows %v, German %v", language, got, codes)
		}
		for code, said := range w.Problems {
			if said[0] == "" || said[1] == "" {
				t.Errorf("%s: %s says nothing", language, code)
			}
			for i, room := range []int{int(ItemHint - ItemProblem), int(ItemSignIn - ItemHint)} {
				lines := wrap("⚠ "+said[i], wrapAt, room)
				if len(lines) > room || strings.HasSuffix(lines[len(lines)-1], " …") {
					t.Errorf("%s: %s overflows: %q", language, code, lines)
				}
			}
		}
	}
	p := session.Problem{Code: "locked", Message: "m", Hint: "h"}
	for _, code := range []session.Code{session.CodeLocked, "something new", ""} {
		for _, w := range languages {
			p.Code = code
			if got := w.Problem(p); got.Message == "m" || got.Hint == "h" {
				t.Errorf("%q is told in the engine's own words: %+v", code, got)
			}
		}
	}
	if got := german.Problem(session.Problem{Code: "something new"}); got.Message != german.Unexpected ||
		got.Hint != german.UnexpectedHint {
		t.Errorf("a problem that comes without words is told as %+v", got)
	}
	if got := german.Problem(session.Problem{}); got != (session.Problem{}) {
		t.Errorf("no problem is told as %+v", got)
	}
}

// onStderr are the texts that a terminal shows, where a command is what helps.
var onStderr = map[string]bool{"AlreadyRunning": true, "NotAsRoot": true, "NoSession": true, "Refused": true,
	"NoPlace": true, "NoMenu": true, "NoStateDir": true}

// TestNoTextIsForTheTerminal: no command, variable, code or flag in the menu, in a
// notification, or in the menu of any state.
func TestNoTextIsForTheTerminal(t *testing.T) {
	terminal := regexp.MustCompile("`|--|KEYTENDER_|HTTP|hint:|\\.log\\b|keytender |\\b[45]\\d\\d\\b|\\d+m\\d+s")
	for language, w := range languages {
		texts := w.texts()
		for code, said := range w.Problems {
			texts[string(code)], texts[string(code)+" hint"] = said[0], said[1]
		}
		for name, text := range texts {
			if found := terminal.FindString(text); found != "" && !onStderr[name] {
				t.Errorf("%s: %s holds %q: %s", language, name, found, text)
			}
		}
		for _, c := range menuCases {
			for _, item := range Menu(w, c.status, c.doing, c.around, traytest.Noon) {
				if found := terminal.FindString(item.Label); found != "" {
					t.Errorf("%s, %s: a line holds %q: %s", language, c.name, found, item.Label)
				}
			}
		}
	}
}

// TestNothingOverflows: with ordinary names no line of the menu is cut, the titles of
// notifications fit a line of their bubble, and the tooltip fits Windows.
func TestNothingOverflows(t *testing.T) {
	const title, body, button = 50, 330, 28
	for language, w := range languages {
		for _, c := range menuCases {
			c.around.Version = "12.34.56"
			for _, item := range Menu(w, c.status, c.doing, c.around, traytest.Noon) {
				if strings.HasSuffix(item.Label, " …") || columns(item.Label) >= lineLength {
					t.Errorf("%s, %s: cut or too wide: %s", language, c.name, item.Label)
				}
			}
			for _, icon := range []IconState{IconSignedOut, IconFine, IconSoon, IconTrouble, IconWorking} {
				tip := w.Tooltip(icon, c.status)
				if len(utf16.Encode([]rune(tip))) > tooltipLength || strings.HasSuffix(tip, "…") {
					t.Errorf("%s: the tooltip is cut: %s", language, tip)
				}
			}
		}
		for _, d := range []time.Duration{0, time.Minute, 59 * time.Minute, 9*time.Hour + 59*time.Minute,
			23 * time.Hour, 47 * time.Hour, 364 * day} {
			for _, format := range []string{w.LoginEnds, w.LoginEndsAbout, w.TokenRenews, w.TokenEnds, w.Waiting,
				w.WaitingCode} {
				if line := fmt.Sprintf(format, w.Span(d)); columns(line) > 50 {
					t.Errorf("%s: too wide for half a line: %s", language, line)
				}
			}
		}
		texts := w.texts()
		for _, name := range []string{"DoneSignedIn", "DoneSignedOut", "DoneLinkCopied", "DoneDiagnosis", "DoneToken",
			"BeforeSignIn",
			"ClaudeSignsIn", "DoneMirrored", "ShowsCode", "CodeRefused", "Ended", "Again", "Trouble", "WithoutIcon",
			"NoBrowser", "NoClipboard", "NoLog", "LogNotOpened",
			"SignInFailed", "RenewFailed", "MirrorFailed", "SignOutFailed", "SwitchFailed", "AtLoginFailed",
			"CopyFailed"} {
			if columns(texts[name]) > title {
				t.Errorf("%s: the title %s has %d columns: %s", language, name, columns(texts[name]), texts[name])
			}
		}
		for name, text := range texts {
			if strings.HasSuffix(name, "Body") && columns(text) > body {
				t.Errorf("%s: %s has %d columns", language, name, columns(text))
			}
		}
		if columns(w.SignInAgain) > button {
			t.Errorf("%s: the button is too wide: %s", language, w.SignInAgain)
		}
		// No two lines of one menu or submenu may be told apart by their places alone.
		for _, c := range menuCases {
			type line struct {
				under ID
				text  string
			}
			seen := map[line]bool{}
			for _, item := range Menu(w, c.status, c.doing, c.around, traytest.Noon) {
				at := line{-1, item.Label}
				if under := Slots[item.ID].Under; under != item.ID {
					at.under = under
				}
				if seen[at] {
					t.Errorf("%s, %s: twice %q", language, c.name, item.Label)
				}
				seen[at] = true
			}
		}
	}
}

func TestWrapAndShorten(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, nil},
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three four five six", 7, []string{"one two", "three", "four …"}},
		{"日本語の文です。次の文。", 8, []string{"日本語の", "文です。", "次の文。"}},
		{"日本 語のabc文", 6, []string{"日本", "語の", "abc文"}},
		{"/tmp/\x95日\xff本語 の", 8, []string{"/tmp/\uFFFD日", "\uFFFD本語 の"}},
		{"Waaaaaaaaaaaay too long", 6, []string{"Waaaaaaaaaaaay", "too", "long"}},
	} {
		if got := wrap(c.text, c.width, 3); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if got := shorten("日本語", 5); got != "日本…" {
		t.Errorf("shortened to %q", got)
	}
	if got := Sentences("ログイン", "終了。", "é", "x!"); got != "ログイン。終了。É. X!" {
		t.Errorf("sentences: %q", got)
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("one two 日本語の文です。")
	f.Add(strings.Repeat("0", 59) + "\x950")
	f.Fuzz(func(t *testing.T, text string) {
		lines := wrap(text, 60, 3)
		if len(lines) > 3 {
			t.Errorf("%d lines", len(lines))
		}
		// Nothing is lost on the way but what is cut, visibly.
		whole := strings.Join(strings.Fields(Valid(text)), "")
		whatFits, isCut := strings.CutSuffix(strings.Join(lines, ""), " …")
		whatFits = strings.Join(strings.Fields(whatFits), "")
		if !utf8.ValidString(whatFits) || whatFits != whole && !(isCut && strings.HasPrefix(whole, whatFits)) {
			t.Errorf("%q is shown as %q", text, lines)
		}
		if n := columns(shorten(text, 80)); n > 80 {
			t.Errorf("%d columns", n)
		}
		_ = Sentences(text, text)
	})
}

// TestNoEnglishElsewhere: a word that only English has is in no other language's texts.
func TestNoEnglishElsewhere(t *testing.T) {
	only := regexp.MustCompile(`(?i)\b(the|your|sign|with|cannot|and|from|has|have|again|this|opens?|keychain)\b`)
	for language, w := range languages {
		if w == &english {
			continue
		}
		texts := w.texts()
		for code, said := range w.Problems {
			texts[string(code)], texts[string(code)+" hint"] = said[0], said[1]
		}
		for code, said := range w.Events {
			texts["event "+code] = said
		}
		for name, text := range texts {
			text = strings.ReplaceAll(text, "AppIndicator and KStatusNotifierItem Support", "")
			if found := only.FindString(text); found != "" && !onStderr[name] {
				t.Errorf("%s: %s holds %q: %s", language, name, found, text)
			}
		}
		for code := range english.Events {
			if w.Events[code] == "" {
				t.Errorf("%s: nothing is said of %q", language, code)
			}
		}
	}
}
