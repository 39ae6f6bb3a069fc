package callback

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"keytender/internal/language"
)

// allPages renders every page with every text it can show.
func allPages(b *book) map[string][]byte {
	pages := map[string][]byte{"finishing": b.wait("/finishing/0123")}
	for name, o := range map[string]Outcome{
		"signed-in":      {Kind: SignedIn, Email: "a@example.com", Plan: "max"},
		"signed-in-bare": {Kind: SignedIn},
		"signed-in-long": {Kind: SignedIn,
			Email: "a.person.with.a.very.long.name.indeed@a-department.of-a-company.example.com", Plan: "enterprise"},
		"declined":       {Kind: Declined},
		"declined-said":  {Kind: Declined, Said: "The user said no."},
		"timed-out":      {Kind: TimedOut},
		"failed":         {Kind: Failed},
		"failed-unknown": {Kind: 99},
		"failed-said":    outcomeOf(Redirect{Err: "invalid_scope", ErrDescription: "Scope user:everything is unknown"}),
		"failed-trouble": outcomeOf(Redirect{Err: "server_error"}),
		"elsewhere":      {Kind: ElsewhereDone, Email: "a@example.com", Plan: "pro"},
		"cancelled":      {Kind: Cancelled},
	} {
		pages[name] = b.outcome(o)
	}
	for code := range failureOf {
		pages["failed-"+code] = b.outcome(Outcome{Kind: Failed, Problem: code})
	}
	for _, no := range refusals {
		pages["refused-"+no.reason] = b.refusals[no]
	}
	return pages
}

var (
	styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	iconElement  = regexp.MustCompile(`<link rel="icon" href="data:image/png;base64,[A-Za-z0-9+/=]{99,}">`)
	foreign      = regexp.MustCompile(
		`(?i)<script|<link|<img|<iframe|<form|\bon[a-z]+=|style="|https?:|//[a-z]|url\(|@import|data:`)
)

func TestPagesHoldOnlyWhatThePolicyAllows(t *testing.T) {
	for _, tag := range language.All {
		b := bookIn(tag)
		for name, body := range allPages(b) {
			name = tag + " " + name
			text := string(body)
			styles := styleElement.FindAllStringSubmatch(text, -1)
			if len(styles) != 1 {
				t.Fatalf("%s: %d style elements, want 1", name, len(styles))
			}
			sum := sha256.Sum256([]byte(styles[0][1]))
			if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
				"'"; !strings.Contains(b.frame.policy, hash) {
				t.Errorf("%s: the policy %q does not hold the style's hash %s", name, b.frame.policy, hash)
			}
			if icons := iconElement.FindAllString(text, -1); len(icons) != 1 {
				t.Errorf("%s: %d pictures for the tab", name, len(icons))
			}
			if found := foreign.FindString(iconElement.ReplaceAllString(text, "")); found != "" {
				t.Errorf("%s: holds %q", name, found)
			}
			for _, want := range []string{"<!doctype html>", `<html lang="` + tag + `">`, "<title>", "<h1>",
				`<p class="next">`, "</html>", `role="img"`, "name=\"viewport\""} {
				if !strings.Contains(text, want) {
					t.Errorf("%s: lacks %q", name, want)
				}
			}
			if strings.Contains(text, "{{") || strings.Contains(text, "}}") {
				t.Errorf("%s: a place was left open:\n%s", name, text)
			}
		}
	}
}

func TestEveryPageHasItsText(t *testing.T) {
	for _, tc := range []struct {
		tag     string
		outcome Outcome
		want    []string
		not     string
	}{
		{"en", Outcome{Kind: SignedIn, Email: "a@example.com", Plan: "max"},
			[]string{"<h1>Signed in as a@example.com</h1>", "Plan: Max", "successful",
				"close this window and return to the terminal"}, ""},
		{"en", Outcome{Kind: SignedIn}, []string{"<h1>Signed in</h1>"}, "Plan"},
		{"de", Outcome{Kind: SignedIn, Email: "a@example.com", Plan: "team"},
			[]string{"<h1>Angemeldet als a@example.com</h1>", "Tarif: Team"}, "Signed in"},
		{"en", Outcome{Kind: Declined, Said: "no, he said"},
			[]string{"Nothing was stored", "choose <strong>Allow</strong>", "this reason: no, he said"}, "Signed in"},
		{"en", Outcome{Kind: Declined}, []string{"Nothing was stored"}, "reason"},
		{"en", Outcome{Kind: TimedOut}, []string{"took too long", "Nothing was stored"}, "Signed in"},
		{"en", Outcome{Kind: Failed, Problem: "configuration"},
			[]string{"<h1>Not signed in</h1>", "does not let Keytender sign you in", "through Claude Code"}, "reason"},
		{"en", Outcome{Kind: SignedIn, Kept: "file"}, []string{"no keychain here: it is kept in a plain file"},
			"kept in the keychain"},
		{"de", Outcome{Kind: ElsewhereDone, Kept: "keychain"}, []string{"liegt im Schlüsselbund"}, "Datei"},
		{"fr", Outcome{Kind: Failed, Problem: "not-permitted", Said: "unknown client"},
			[]string{"ne permet pas", "via Claude Code", "cette raison : unknown client"}, "Signed in"},
		{"en", Outcome{Kind: Failed, Problem: "locked"}, []string{"keychain of this computer is locked"}, "Signed in"},
		{"en", Outcome{Kind: Failed, Problem: "what nobody knows"}, []string{"could not be completed"}, "nobody"},
		{"en", Outcome{Kind: 99}, []string{"Not signed in"}, "Signed in as"},
		{"en", Outcome{Kind: ElsewhereDone, Email: "a@example.com"},
			[]string{"Signed in already as a@example.com", "pasted"}, ""},
		{"en", Outcome{Kind: Cancelled}, []string{"cancelled", "Nothing was stored"}, "Signed in"},
		{"ja", Outcome{Kind: Cancelled}, []string{"取り消されました"}, "cancelled"},
	} {
		text := string(bookIn(tc.tag).outcome(tc.outcome))
		text = text[strings.Index(text, "</style>"):]
		for _, want := range tc.want {
			if !strings.Contains(text, want) {
				t.Errorf("%+v: the page lacks %q", tc.outcome, want)
			}
		}
		if tc.not != "" && strings.Contains(text, tc.not) {
			t.Errorf("%+v: the page holds %q", tc.outcome, tc.not)
		}
	}
}

func TestOutcomeTextIsEscapedAndCleaned(t *testing.T) {
	nasty := "<script>alert(1)</script>\"'\r\n\x00\x1b[31m\u202Eabc{{text}}"
	for _, tag := range language.All {
		for kind := SignedIn; kind <= Cancelled; kind++ {
			text := string(bookIn(tag).outcome(Outcome{Kind: kind, Email: nasty, Plan: nasty, Problem: nasty,
				Said: nasty}))
			for _, bad := range []string{"<script", "\x00", "\x1b", "\u202e", "\r"} {
				if strings.Contains(text, bad) {
					t.Errorf("%s, kind %d: the page holds %q", tag, kind, bad)
				}
			}
		}
	}
}

// A browser is answered in its person's language, a refusal as well as the outcome.
func TestPagesSpeakTheBrowsersLanguage(t *testing.T) {
	s := start(t, Config{})
	for field, want := range map[string]string{
		"":                                    "en",
		"Accept-Language: de-DE,de;q=0.9":     "de",
		"Accept-Language: pt-BR, fr-CA;q=0.8": "fr",
		"Accept-Language: en-GB,ja;q=0.9":     "en",
		"Accept-Language: zh-TW, zh;q=0.5":    "zh",
		"Accept-Language: ja\r\nX: y":         "ja",
		"Accept-Language: ../../es":           "en",
	} {
		raw := s.get("/callback?code=c&state=wrong")
		if field != "" {
			raw = s.get("/callback?code=c&state=wrong", field)
		}
		if _, body := parse(t, send(t, s.address(0), raw), "GET"); !strings.Contains(body, `<html lang="`+want+`">`) {
			t.Errorf("%q is not answered in %s", field, want)
		}
	}
	s.Finish(Outcome{Kind: TimedOut})
	if _, body := parse(t, send(t, s.address(1), s.get(s.done, "Accept-Language: es")), "GET"); !strings.Contains(body,
		"tardó demasiado") {
		t.Errorf("the outcome is not Spanish: %s", body)
	}
}

// The ring around what the keyboard is on, and every text, stand out from the card in
// both colour schemes (WCAG 2.2, 1.4.11 and 1.4.3).
func TestContrast(t *testing.T) {
	rules := strings.Split(string(pageFrame().style), "prefers-color-scheme: dark")
	if len(rules) != 2 {
		t.Fatal("there are not two colour schemes")
	}
	colour := regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`)
	for i, name := range []string{"light", "dark"} {
		colours := map[string]float64{}
		for _, found := range colour.FindAllStringSubmatch(rules[i], -1) {
			colours[found[1]] = luminance(t, found[2])
		}
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"ring", "card", 3}, {"text", "card", 4.5}, {"soft", "card", 4.5}, {"soft", "ground", 4.5},
			{"text", "ground", 4.5},
			{"good", "good-ground", 3}, {"bad", "bad-ground", 3}, {"calm", "calm-ground", 3},
		} {
			a, b := colours[pair.front], colours[pair.back]
			if got := (max(a, b) + .05) / (min(a, b) + .05); got < pair.least {
				t.Errorf("%s: %s on %s has %.2f:1, want %.1f:1", name, pair.front, pair.back, got, pair.least)
			}
		}
	}
	if !regexp.MustCompile(`:focus-visible \{ outline: \dpx solid var\(--ring\)`).MatchString(rules[1]) {
		t.Error("the keyboard's place has another colour")
	}
}

// luminance is WCAG's relative luminance of an sRGB colour.
func luminance(t *testing.T, hex string) (sum float64) {
	t.Helper()
	for i, share := range []float64{.2126, .7152, .0722} {
		part, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(part) / 255
		if c <= .04045 {
			sum += share * c / 12.92
		} else {
			sum += share * math.Pow((c+.055)/1.055, 2.4)
		}
	}
	return sum
}

// TestWritePages leaves the pages in $KTTEST_PAGES, for a person to look at.
func TestWritePages(t *testing.T) {
	dir := os.Getenv("KTTEST_PAGES")
	if dir == "" {
		t.Skip("KTTEST_PAGES names no directory to write the pages to")
	}
	for _, tag := range language.All {
		for name, body := range allPages(bookIn(tag)) {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.%s.html", name, tag)), body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
