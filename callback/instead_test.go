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

// TestTheRefusalsPageLeadsToClaudeCode, also after the attempt, once, and for nobody who
// does not know the page.
func TestTheRefusalsPageLeadsToClaudeCode(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     Outcome
		begin bool
	}{
		{"refused", Outcome{Kind: Failed, Problem: "not-permitted"}, true},
		{"misconfigured", Outcome{Kind: Failed, Problem: "configuration"}, true},
		{"try later", Outcome{Kind: Failed, Problem: "try-later"}, false},
		{"signed in", Outcome{Kind: SignedIn}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := make(chan struct{}, 9)
			s, err := Listen(t.Context(), Config{State: "FAKE-state", Linger: time.Minute,
				Instead: func() { began <- struct{}{} }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(release)
			base := strings.TrimSuffix(s.RedirectURI(), "/callback")
			get := func(path string) string {
				t.Helper()
				response, err := http.Get(base + path)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				text, _ := io.ReadAll(response.Body)
				return string(text)
			}
			s.Finish(c.o)
			_ = s.Close()
			if text := get("/callback?code=FAKE&state=FAKE-state"); strings.Contains(text, "/instead/") {
				t.Errorf("a stranger is shown the way:\n%s", text)
			}
			link := regexp.MustCompile(
				`<a class="act" href="(/instead/[0-9a-f]{32})">Sign in through Claude Code</a>`).FindStringSubmatch(
				get(s.done))
			if (link != nil) != c.begin {
				t.Fatalf("the link: %q", link)
			}
			if link == nil {
				return
			}
			for range 3 {
				if text := get(link[1]); !strings.Contains(text, "Claude Code signs in") {
					t.Errorf("the link leads to:\n%s", text)
				}
			}
			select {
			case <-began:
			case <-time.After(testguard.Patience):
				t.Fatal("nothing began")
			}
			if text := get("/instead/00000000000000000000000000000000"); !strings.Contains(text,
				"Nothing to see here") || len(began) != 0 {
				t.Errorf("%d more began; a guess leads to:\n%s", len(began), text)
			}
		})
	}
}
