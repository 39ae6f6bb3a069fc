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
	response, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("Content-Security-Policy"), string(page)
}

// TestASheetIsSeenByAPersonAlone, follows the rules of the pages, and each of its links
// works once.
func TestASheetIsSeenByAPersonAlone(t *testing.T) {
	chosen := make(chan string, 9)
	s, err := Show(t.Context(), Sheet{Ways: []Way{{"browser", func() { chosen <- "browser" }},
		{"claude", func() { chosen <- "claude" }}}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	base := s.URL[:strings.Index(s.URL, "/note/")]
	for _, fields := range [][]string{{"Sec-Purpose", "prefetch"}, {"Sec-Fetch-Dest", "image"},
		{"Origin", "https://example.com"}} {
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
	if !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(text, "Willkommen bei Keytender") ||
		!strings.Contains(text, "Bedingungen") || strings.Contains(text, "<script") {
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
	s, err := Show(t.Context(), Sheet{Language: "ja", Title: "状態 <b>", Lines: []string{"a & b", "c"}}, time.Minute)
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

// TestASheetAsksForALine until it is one that can be used, and then no more.
func TestASheetAsksForALine(t *testing.T) {
	var got []string
	ask := Ask{Label: "New name", Button: "Rename", Value: "old <1>",
		Answer: func(text string) (string, []string, bool) {
			got = append(got, text)
			return "Called <" + text + ">", []string{"so it is"}, text != "taken"
		}}
	s, err := Show(t.Context(), Sheet{Language: "en", Title: "Rename", Ask: &ask}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	base := s.URL[:strings.Index(s.URL, "/note/")]
	_, policy, text := visit(t, s.URL)
	form := regexp.MustCompile(`<form action="(/answer/[0-9a-f]{32})">`).FindStringSubmatch(text)
	if form == nil || !strings.Contains(policy, "form-action 'self'") ||
		!strings.Contains(text, `value="old &lt;1&gt;"`) {
		t.Fatalf("policy %q:\n%s", policy, text)
	}
	for _, c := range []struct {
		query  string
		status int
		holds  string
		asks   bool
	}{
		{"", http.StatusBadRequest, "malformed", false},
		{"?text=+%09", http.StatusBadRequest, "malformed", false},
		{"?text=a&text=b", http.StatusBadRequest, "malformed", false},
		{"?text=taken", http.StatusOK, `value="taken"`, true},
		{"?text=n%C3%A4w%1B+x", http.StatusOK, "<h1>Called &lt;näw x&gt;</h1>", false},
		{"?text=again", http.StatusOK, "<h1>Called &lt;näw x&gt;</h1>", false},
	} {
		status, policy, text := visit(t, base+form[1]+c.query)
		if status != c.status || !strings.Contains(text, c.holds) || strings.Contains(text, "<form") != c.asks ||
			strings.Contains(policy, "form-action 'self'") != c.asks {
			t.Errorf("%q: %d, policy %q:\n%s", c.query, status, policy, text)
		}
	}
	if len(got) != 2 {
		t.Errorf("answers %q", got)
	}
	for _, fields := range [][]string{{"Origin", "https://example.com"}, {"Sec-Purpose", "prefetch"}} {
		if status, _, _ := visit(t, base+form[1]+"?text=x", fields...); status != http.StatusForbidden {
			t.Errorf("%v gets %d", fields, status)
		}
	}
}
