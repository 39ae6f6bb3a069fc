package callback

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// allPages renders every page with every text it can show.
func allPages() map[string][]byte {
	pages := map[string][]byte{"finishing": waitPage("/finishing/0123")}
	for name, o := range map[string]Outcome{
		"signed-in":       {Kind: SignedIn, Email: "a@example.com", Plan: "max"},
		"signed-in-bare":  {Kind: SignedIn},
		"signed-in-long":  {Kind: SignedIn, Email: "a.person.with.a.very.long.name.indeed@a-department.of-a-company.example.com", Plan: "enterprise"},
		"declined":        {Kind: Declined},
		"declined-said":   {Kind: Declined, Message: "The user said no."},
		"timed-out":       {Kind: TimedOut},
		"failed":          {Kind: Failed, Title: "The code was refused", Message: "The sign-in service did not accept the code; it may be older than ten minutes.", Hint: "Click Sign in again."},
		"failed-bare":     {Kind: Failed},
		"failed-unknown":  {Kind: 99},
		"failed-redirect": outcomeOf(Answer{Err: "invalid_scope", ErrDescription: "Scope user:everything is unknown"}),
		"failed-trouble":  outcomeOf(Answer{Err: "server_error"}),
		"elsewhere":       {Kind: ElsewhereDone, Email: "a@example.com", Plan: "pro"},
		"cancelled":       {Kind: Cancelled},
	} {
		pages[name] = outcomePage(o)
	}
	for _, no := range refusals {
		pages["refused-"+no.reason[:min(len(no.reason), 12)]] = refusalPage(no)
	}
	return pages
}

var (
	styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	foreign      = regexp.MustCompile(`(?i)<script|<link|<img|<iframe|<form|\bon[a-z]+=|style="|https?:|//[a-z]|url\(|@import`)
)

func TestPagesHoldOnlyWhatThePolicyAllows(t *testing.T) {
	for name, body := range allPages() {
		text := string(body)
		styles := styleElement.FindAllStringSubmatch(text, -1)
		if len(styles) != 1 {
			t.Fatalf("%s: %d style elements, want 1", name, len(styles))
		}
		sum := sha256.Sum256([]byte(styles[0][1]))
		if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(pages().policy, hash) {
			t.Errorf("%s: the policy %q does not hold the style's hash %s", name, pages().policy, hash)
		}
		if found := foreign.FindString(text); found != "" {
			t.Errorf("%s: holds %q", name, found)
		}
		for _, want := range []string{"<!doctype html>", `<html lang="en">`, "<title>", "<h1>", "</html>", `role="img"`, "name=\"viewport\""} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: lacks %q", name, want)
			}
		}
		if strings.Contains(text, "{{") || strings.Contains(text, "}}") {
			t.Errorf("%s: a place was left open:\n%s", name, text)
		}
	}
}

func TestEveryPageHasItsText(t *testing.T) {
	for _, tc := range []struct {
		outcome Outcome
		want    []string
		not     string
	}{
		{Outcome{Kind: SignedIn, Email: "a@example.com", Plan: "max"}, []string{"Signed in as a@example.com", "max", "successful", "close this window and return to the terminal"}, ""},
		{Outcome{Kind: SignedIn}, []string{"Signed in"}, " as "},
		{Outcome{Kind: Declined, Message: "no"}, []string{"Nothing was stored", "choose <strong>Allow</strong>", "no"}, "Signed in"},
		{Outcome{Kind: TimedOut}, []string{"took too long", "Nothing was stored"}, "Signed in"},
		{Outcome{Kind: Failed, Title: "T1", Message: "M1", Hint: "H1"}, []string{"<h1>T1</h1>", "M1", "H1"}, "Signed in"},
		{Outcome{Kind: Failed}, []string{"did not work", "keytender doctor"}, "Signed in"},
		{Outcome{Kind: 99}, []string{"did not work"}, "Signed in"},
		{Outcome{Kind: ElsewhereDone, Email: "a@example.com"}, []string{"Signed in already as a@example.com", "pasted"}, ""},
		{Outcome{Kind: Cancelled}, []string{"cancelled", "Nothing was stored"}, "Signed in"},
	} {
		text := string(outcomePage(tc.outcome))
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
	nasty := "<script>alert(1)</script>\"'\r\n\x00\x1b[31m\u202Eabc"
	for kind := SignedIn; kind <= Cancelled; kind++ {
		text := string(outcomePage(Outcome{Kind: kind, Email: nasty, Plan: nasty, Title: nasty, Message: nasty, Hint: nasty}))
		for _, bad := range []string{"<script", "\x00", "\x1b", "\u202e", "\r"} {
			if strings.Contains(text, bad) {
				t.Errorf("kind %d: the page holds %q", kind, bad)
			}
		}
	}
}

// TestWritePages leaves the pages in $KTTEST_PAGES, for a person to look at.
func TestWritePages(t *testing.T) {
	dir := os.Getenv("KTTEST_PAGES")
	if dir == "" {
		t.Skip("KTTEST_PAGES names no directory to write the pages to")
	}
	for name, body := range allPages() {
		name = strings.ReplaceAll(strings.ToLower(name), " ", "-") + ".html"
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
