package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keytender/tray/traytest"
)

// TestTheFirstStart opens a page of ours before any other: what this is, the terms, and the
// ways that there are. Seen once, it does not come again.
func TestTheFirstStart(t *testing.T) {
	d := startFirst(t, "DISPLAY=:97")
	welcome := d.browsed()
	if !strings.HasPrefix(welcome, "http://localhost:") {
		t.Fatalf("the first page is %s", welcome)
	}
	d.panel.Want("# Signed out")
	if _, err := os.Stat(filepath.Join(d.home, "kt", "state", "notices.json")); err == nil {
		t.Error("it is remembered, and nobody has seen it")
	}
	page := d.come(welcome)
	link := regexp.MustCompile(`href="(/way/[0-9a-f]+)">Sign in<`).FindStringSubmatch(page)
	if link == nil || !strings.Contains(page, "terms") || !strings.Contains(page, ">Sign in through Claude Code<") {
		t.Fatalf("the page:\n%s", page)
	}
	d.waitFor("its being remembered", func() bool {
		_, err := os.Stat(filepath.Join(d.home, "kt", "state", "notices.json"))
		return err == nil
	})
	d.come(welcome[:strings.Index(welcome, "/note/")] + link[1])
	location, err := d.server.Approve(t.Context(), d.browsed())
	if err != nil {
		t.Fatal(err)
	}
	d.come(location)
	// The terms stood on the page, so no notification repeats them.
	if got := traytest.Receive(t, d.notes.Notes, "the notification"); !strings.HasPrefix(got.Title, "Signed in as ") {
		t.Errorf("told %q: %q", got.Title, got.Body)
	}
	d.panel.Click("  Here and in Claude Code")
	d.panel.Want("# Signed out")
	d.panel.Quit()
	traytest.Receive(t, d.ended, "the end")
	d.launch()
	d.panel.Want("# Signed out")
	if _, err := os.Stat(filepath.Join(d.home, "url")); err == nil {
		t.Error("the page comes at each start")
	}
}

// TestTheTermsWithoutADisplay come as a notification with the first sign-in, and count as
// told when one was shown.
func TestTheTermsWithoutADisplay(t *testing.T) {
	d := startFirst(t)
	for range 2 {
		d.panel.Click("  Sign in…")
		d.browsed()
		d.panel.Click("  Cancel sign-in")
		d.panel.Want("  Sign in…")
	}
	if terms := traytest.Receive(t, d.notes.Notes, "the notice about the terms"); !strings.Contains(terms.Body,
		"terms") {
		t.Errorf("told %q: %q", terms.Title, terms.Body)
	}
	if n := len(d.notes.Notes); n != 0 {
		t.Errorf("told %d times more", n)
	}
}
