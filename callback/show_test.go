package callback

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// visit is a browser that asks for url with more fields.
func visit(t *testing.T, url string, fields ...string) (status int, policy, text string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header.Get("Content-Security-Policy"), string(page)
}

// TestASheetIsSeenByAPersonAlone, follows the rules of the pages, and each of its links
// works once.
func TestASheetIsSeenByAPersonAlone(t *testing.T) {
	chosen := make(chan string, 9)
	s, err := Show(t.Context(), Sheet{Ways: []Way{{"browser", func() { chosen <- "browser" }}, {"claude", func() { chosen <- "claude" }}}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	base := s.URL[:strings.Index(s.URL, "/note/")]
	for _, fields := range [][]string{{"Sec-Purpose", "prefetch"}, {"Sec-Fetch-Dest", "image"}, {"Origin", "https://example.com"}} {
		if status, _, _ := visit(t, s.URL, fields...); status != http.StatusForbidden {
			t.Errorf("%v gets %d", fields, status)
		}
	}
	if status, _, text := visit(t, base+"/note/0"); status != http.StatusNotFound || strings.Contains(text, "/way/") {
		t.Errorf("a guess gets %d:\n%s", status, text)
	}
	select {
	case <-s.Seen:
		t.Error("seen, and nobody looked")
	default:
	}
	_, policy, text := visit(t, s.URL, "Accept-Language", "de")
	if !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(text, "Willkommen bei Keytender") || !strings.Contains(text, "Bedingungen") || strings.Contains(text, "<script") {
		t.Errorf("policy %q:\n%s", policy, text)
	}
	select {
	case <-s.Seen:
	case <-time.After(testguard.Patience):
		t.Fatal("it was not seen")
	}
	links := regexp.MustCompile(`href="(/way/[0-9a-f]{32})">([^<]+)<`).FindAllStringSubmatch(text, -1)
	if len(links) != 2 || links[1][2] != "Über Claude Code anmelden" {
		t.Fatalf("links: %q", links)
	}
	for range 2 {
		if _, _, text := visit(t, base+links[1][1]); !strings.Contains(text, "Claude Code signs in") {
			t.Errorf("the link leads to:\n%s", text)
		}
	}
	select {
	case name := <-chosen:
		if name != "claude" || len(chosen) != 0 {
			t.Errorf("%s, and %d more", name, len(chosen))
		}
	case <-time.After(testguard.Patience):
		t.Fatal("the link did nothing")
	}
	s.Close()
	s.Close()
	if _, err := http.Get(s.URL); err == nil {
		t.Error("it is still there")
	}
}

// TestASheetOfTheAppsOwnWords is in its language, whatever the browser's, and escaped.
func TestASheetOfTheAppsOwnWords(t *testing.T) {
	s, err := Show(t.Context(), Sheet{Language: "ja", Title: "状態 <b>", Texts: []string{"a & b", "c"}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, _, text := visit(t, s.URL, "Accept-Language", "fr")
	for _, want := range []string{`<html lang="ja">`, "<h1>状態 &lt;b&gt;</h1>", "<p>a &amp; b</p>\n<p>c</p>"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
}
