package callback

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"keytender/internal/testguard"
)

// chromium starts a browser that can reach nothing but loopback.
func chromium(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	testguard.Slow(t)
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium on this machine, so no real browser to try the pages with")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.ProxyServer("http://127.0.0.1:9"), // which localhost bypasses
		chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU)
	options = append(options, more...)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancel() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return ctx
}

// consent is a sign-in page whose button posts a form, and whose response is the
// redirect: the way on which a browser might add an Origin to it.
func consent(t *testing.T, redirect string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, redirect, http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w,
			`<!doctype html><title>Consent</title><form method="post"><button id="allow">Allow</button></form>`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestABrowserShowsTheOutcomeWithoutTheCode(t *testing.T) {
	ctx := chromium(t)
	for _, tc := range []struct {
		name    string
		query   string
		hold    time.Duration
		after   time.Duration // how long storing takes
		outcome Outcome
		heading string
	}{
		{"quick", "code=" + testCode, time.Minute, 0, Outcome{Kind: SignedIn, Email: "a@example.com", Plan: "max"},
			"Signed in as a@example.com"},
		{"slow", "code=" + testCode, time.Millisecond, 300 * time.Millisecond,
			Outcome{Kind: SignedIn, Email: "a@example.com"}, "Signed in as a@example.com"},
		{"failed", "code=" + testCode, time.Minute, 0, Outcome{Kind: Failed, Problem: "code-refused"}, "Not signed in"},
		{"declined", "error=access_denied", time.Minute, 0, Outcome{}, "You chose not to allow it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Listen(context.Background(), Config{State: testState, Hold: tc.hold})
			if err != nil {
				t.Fatal(err)
			}
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				<-s.Redirects()
				time.Sleep(tc.after)
				if tc.outcome.Kind != 0 {
					s.Finish(tc.outcome)
				}
				s.Close() // at once, as a sign-in does: the page must still arrive
			}()
			show(t, ctx,
				chromedp.Navigate(consent(t, s.RedirectURI()+"?"+tc.query+"&state="+testState)),
				chromedp.Click("#allow"))
			outcome := regexp.MustCompile(fmt.Sprintf(`^http://localhost:%d/done/[0-9a-f]{32}$`, s.Port()))
			address := ""
			for range 100 {
				if address = see(t, ctx, chromedp.Location()); outcome.MatchString(address) {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if !outcome.MatchString(address) {
				t.Fatalf("address bar: %s", address)
			}
			if got := see(t, ctx, chromedp.TextContent("h1")); got != tc.heading {
				t.Errorf("heading %q, want %q", got, tc.heading)
			}
			if see(t, ctx, chromedp.Evaluate[string](
				`getComputedStyle(document.querySelector("main")).borderTopLeftRadius`)) == "0px" {
				t.Error("the policy keeps the style out")
			}
			if got := see(t, ctx, chromedp.Evaluate[[]string](
				`performance.getEntriesByType("resource").map(e => e.name)`)); len(got) > 0 {
				t.Errorf("the page fetched %q", got)
			}
			for _, entry := range see(t, ctx, chromedp.NavigationEntries()).Entries {
				if strings.Contains(entry.URL, testState) || strings.Contains(entry.URL, testCode) {
					t.Errorf("the history holds %s", entry.URL)
				}
			}
			select {
			case <-closed:
			case <-time.After(testguard.Patience):
				t.Error("Close did not return")
			}
		})
	}
}

// A person who reloads, or whose browser restores the tab, sees a page and not a
// second sign-in.
func TestABrowserCanReload(t *testing.T) {
	ctx := chromium(t)
	s := start(t, Config{})
	s.hold = time.Minute
	go func() {
		<-s.Redirects()
		s.Finish(Outcome{Kind: SignedIn, Email: "a@example.com"})
	}()
	redirect := chromedp.Navigate(s.RedirectURI() + "?code=" + testCode + "&state=" + testState)
	for _, step := range []chromedp.Action[chromedp.Void]{redirect, chromedp.Reload(), redirect} {
		show(t, ctx, step)
		if got := see(t, ctx, chromedp.TextContent("h1")); got != "Signed in as a@example.com" {
			t.Errorf("heading %q", got)
		}
	}
	s.expectNoRedirect(t)
}

// A German browser gets a German page, whose picture for the tab the policy lets through.
func TestABrowserGetsItsLanguageAndThePictureOnTheTab(t *testing.T) {
	ctx := chromium(t, chromedp.Flag("accept-lang", "de-DE,de"))
	s := start(t, Config{})
	show(t, ctx, chromedp.Navigate(s.RedirectURI()+"?code="+testCode+"&state=wrong"))
	if got := see(t, ctx, chromedp.TextContent("h1")); got != "Diese Seite gehört nicht zur laufenden Anmeldung" {
		t.Errorf("heading %q", got)
	}
	see(t, ctx,
		chromedp.Evaluate[bool](`(window.tab = new Image()).src = document.querySelector("link[rel=icon]").href, true`))
	width := 0
	for deadline := time.Now().Add(testguard.Patience); width == 0 &&
		time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		width = see(t, ctx, chromedp.Evaluate[int](`tab.naturalWidth`))
	}
	if width != 48 {
		t.Errorf("the picture on the tab is %d pixels wide", width)
	}
}

func show(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func see[T any](t *testing.T, ctx context.Context, what chromedp.Action[T]) T {
	t.Helper()
	seen, err := chromedp.Run(ctx, what)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// A person fills in the line that a sheet asks for, and the policy lets it through.
func TestABrowserSendsTheLineThatAPageAsksFor(t *testing.T) {
	ctx := chromium(t)
	ask := Ask{Label: "New name", Button: "Rename", Value: "old",
		Answer: func(text string) (string, []string, bool) { return "Called " + text, nil, true }}
	s, err := Show(t.Context(), Sheet{Language: "en", Title: "Rename", Ask: &ask}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	show(t, ctx, chromedp.Navigate(s.URL))
	see(t, ctx, chromedp.Evaluate[bool](`document.querySelector("input").value += "-new", true`))
	see(t, ctx, chromedp.Evaluate[bool](`document.querySelector("button").click(), true`))
	for deadline := time.Now().Add(testguard.Patience); ; time.Sleep(20 * time.Millisecond) {
		got, err := chromedp.Run(ctx, chromedp.TextContent("h1"))
		if got == "Called old-new" {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("the page says %q (%v)", got, err)
		}
	}
}
