package main

import (
	"flag"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
	"keytender/tray/traytest"
)

var update = flag.Bool("update", false, "write the golden file anew")

// story writes down all that a person gets to read.
type story struct {
	*desktop
	text strings.Builder
}

func (s *story) chapter(name string) { fmt.Fprintf(&s.text, "\n## %s\n", name) }

// menu waits for a row and writes the whole menu down.
func (s *story) menu(row string) {
	s.Helper()
	s.panel.Want(row)
	rows, _ := s.panel.Rows()
	for since := time.Now(); time.Since(since) < 1500*time.Millisecond; time.Sleep(50 * time.Millisecond) {
		if now, _ := s.panel.Rows(); now != rows { // a step may show before its line in the history
			rows, since = now, time.Now()
		}
	}
	s.text.WriteString("\nMenü:\n" + changing(rows))
}

// told writes down the notification that comes next.
func (s *story) told() {
	s.Helper()
	n := traytest.Receive(s.T, s.notes.Notes, "a notification")
	fmt.Fprintf(&s.text, "\nMeldung: %s\n", n.Title)
	if n.Body != "" {
		fmt.Fprintf(&s.text, "  %s\n", n.Body)
	}
	for i := 1; i < len(n.Actions); i += 2 {
		if n.Actions[i] != "" {
			fmt.Fprintf(&s.text, "  [%s]\n", n.Actions[i])
		}
	}
}

var (
	headOf   = regexp.MustCompile(`(?s)<(style|head|svg)[ >].*?</(style|head|svg)>`)
	elements = regexp.MustCompile(`<[^>]*>`)
	labelOf  = regexp.MustCompile(`aria-label="([^"]*)"`)
	titleOf  = regexp.MustCompile(`<title>([^<]*)</title>`)
)

// page writes down the page that a German's browser shows at location, in the end.
func (s *story) page(location string) (source string) {
	s.Helper()
	for deadline := time.Now().Add(testguard.Patience); ; time.Sleep(200 * time.Millisecond) {
		q, err := http.NewRequestWithContext(s.Context(), http.MethodGet, location, nil)
		if err != nil {
			s.Fatal(err)
		}
		q.Header.Set("Accept-Language", "de-DE,de;q=0.9,en;q=0.5")
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(q)
		if err != nil {
			s.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			s.Fatal(err)
		}
		if source = string(body); !strings.Contains(source, `http-equiv="refresh"`) || time.Now().After(deadline) {
			break
		}
		location = response.Request.URL.String()
	}
	s.text.WriteString("\nSeite:\n")
	for _, found := range append(titleOf.FindAllStringSubmatch(source, -1),
		labelOf.FindAllStringSubmatch(source, -1)...) {
		s.text.WriteString("  (" + html.UnescapeString(found[1]) + ")\n")
	}
	for line := range strings.Lines(elements.ReplaceAllString(headOf.ReplaceAllString(source, ""), "")) {
		if line = strings.TrimSpace(html.UnescapeString(line)); line != "" {
			s.text.WriteString("  " + line + "\n")
		}
	}
	return source
}

// allow signs in by a click on row, and says yes in the browser.
func (s *story) allow(row string) {
	s.Helper()
	s.panel.Click(row)
	location, err := s.server.Approve(s.Context(), s.browsed())
	if err != nil {
		s.Fatal(err)
	}
	s.page(location)
}

var (
	spans = regexp.MustCompile(`(weniger als )?\d+ Min\.|\d+ Std\.( \d+ Min\.)?`)
	about = regexp.MustCompile(`Über Keytender .*`)
)

// changing takes out what differs from run to run.
func changing(text string) string {
	return about.ReplaceAllString(spans.ReplaceAllString(text, "N"), "Über Keytender N")
}

// TestAGermanStory: the first start, a sign-in, the mirror, a second account and the switch
// back, a refusal, a late Allow and the sign-out, in all that a person reads.
// Not one word of it is English.
func TestAGermanStory(t *testing.T) {
	testguard.Slow(t)
	s := &story{desktop: startFirst(t, "LC_ALL=de_DE.UTF-8", "DISPLAY=:97")}
	s.chapter("Erster Start")
	welcome := s.page(s.browsed())
	if !strings.Contains(welcome, "/way/") {
		t.Fatalf("the first page:\n%s", welcome)
	}
	s.menu("# Abgemeldet")

	s.chapter("Anmelden")
	s.allow("  Anmelden…")
	s.told()
	s.menu("# Claude Code: auf gleichem Stand")

	s.chapter("Spiegeln aus und an")
	s.panel.Click("  [x] In Claude Code spiegeln")
	s.menu("  In Claude Code spiegeln")
	s.panel.Click("  In Claude Code spiegeln")
	s.told()
	s.menu("  [x] In Claude Code spiegeln")

	s.chapter("Ein zweites Konto, und zurück")
	s.server.Set(func(b *fakeclaude.Behaviour) { b.Account, b.Plan = "b@example.com", "pro" })
	s.allow("  Konto hinzufügen…")
	s.told()
	s.menu("  [x] b@example.com · Pro")
	s.panel.Click("  a@example.com · Max")
	s.told()
	s.menu("  [x] a@example.com · Max")

	s.chapter("Abgelehnt vom Anbieter")
	s.server.Set(func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Refusal(403, "invalid_request",
			"This credential is only authorized for use with Claude Code and cannot be used for other API requests.").For(
			"exchange")}
	})
	s.allow("  Erneut anmelden…")
	s.told()
	s.menu("  Über Claude Code anmelden")

	s.chapter("Abgebrochen, und der Browser kommt zu spät")
	s.panel.Click("  Erneut anmelden…")
	late, err := s.server.Approve(t.Context(), s.browsed())
	if err != nil {
		t.Fatal(err)
	}
	s.menu("  Anmeldung abbrechen")
	s.panel.Click("  Anmeldung abbrechen")
	s.panel.Want("  Erneut anmelden…")
	s.page(late)

	s.chapter("Abmelden")
	s.panel.Click("  Hier, in Claude Code und auf dem Server")
	s.told()
	s.panel.Want("  [x] b@example.com · Pro")
	s.panel.Click("  Hier und in Claude Code")
	s.told()
	s.menu("# Abgemeldet")
	s.panel.Click("  Status anzeigen")
	s.told()

	got := strings.TrimSpace(s.text.String()) + "\n"
	path := filepath.Join("testdata", "story.de.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	english := regexp.MustCompile(
		`(?i)\b(the|your|you|sign|signed|with|cannot|and|from|has|have|again|this|that|is|are|opens?|keychain|of|to|for|not|account|browser's|only|authorized|credential|failed|window|close|page)\b`)
	for line := range strings.Lines(got) {
		if word := english.FindString(line); word != "" {
			t.Errorf("%q in: %s", word, line)
		}
	}
}
