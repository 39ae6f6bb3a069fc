package callback

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/browser"

	"keytender/internal/testguard"
)

const signInURL = "https://claude.example/authorize?code=true&state=FAKE&redirect_uri=http%3A%2F%2Flocalhost%3A8765%2Fcallback"

func withBrowser(t *testing.T, open func(string) error) {
	t.Helper()
	before := openURL
	openURL = open
	t.Cleanup(func() { openURL = before })
}

func TestOpenURL(t *testing.T) {
	gone := errors.New("exit status 3")
	for _, tc := range []struct {
		name  string
		after time.Duration
		err   error
		took  time.Duration
		want  string
	}{
		{"returns at once", 0, nil, 0, ""},
		{"fails", 50 * time.Millisecond, gone, 50 * time.Millisecond, "the browser did not start: exit status 3"},
		{"no browser", 0, &exec.Error{Name: "xdg-open", Err: exec.ErrNotFound}, 0, "no browser was found"},
		{"returns when the browser closes", time.Hour, nil, openLimit, ""},
		{"fails after it counts as opened", time.Hour, gone, openLimit, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opened := ""
				ended := make(chan struct{})
				withBrowser(t, func(url string) error {
					defer close(ended)
					opened = url
					time.Sleep(tc.after)
					return tc.err
				})
				begun := time.Now()
				err := Open(t.Context(), signInURL)
				if took := time.Since(begun); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				if tc.want == "" && err != nil || tc.want != "" &&
					(err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
					t.Errorf("error %v, want %q", err, tc.want)
				}
				<-ended
				if opened != signInURL {
					t.Errorf("opened %q", opened)
				}
			})
		})
	}
	if browser.Stdout != io.Discard || browser.Stderr != io.Discard {
		t.Error("the launcher's chatter reaches our output")
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		withBrowser(t, func(string) error { time.Sleep(time.Hour); return nil })
		if err := Open(ctx, signInURL); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		time.Sleep(time.Hour)
	})
}

func TestOnlyWebAddressesAreOpened(t *testing.T) {
	withBrowser(t, func(url string) error { t.Errorf("opened %q", url); return nil })
	for _, url := range []string{
		"", "-", "--version", "-https://a.example", "file:///etc/passwd", "javascript:alert(1)", "data:text/html,x",
		"/tmp/x", "a.example",
		"https://", "https:///x", "https:a.example", "https://a.example/x y", "https://a.example/\"x",
		"https://a.example/x\n", " https://a.example",
		"https://a.example/`x`", "https://a.example/ä", "https://user@a.example/", "smb://a.example",
		"https://a.example/\\x", "http://:80/",
	} {
		if Open(t.Context(), url) == nil || OpenWith(t.Context(), "true", url) == nil {
			t.Errorf("%q is opened", url)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string // nil: an error
	}{
		{"firefox", []string{"firefox"}},
		{"  firefox \t --new-window  ", []string{"firefox", "--new-window"}},
		{`"C:\Program Files\B\b.exe" --app=%s`, []string{`C:\Program Files\B\b.exe`, "--app=%s"}},
		{`b 'a "b" c' "d 'e'" f"g h"i ''`, []string{"b", `a "b" c`, "d 'e'", "fg hi", ""}},
		{`b $HOME ;x | y & > z`, []string{"b", "$HOME", ";x", "|", "y", "&", ">", "z"}},
		{"", nil}, {"   ", nil}, {`"`, nil}, {`b 'c`, nil}, {"''", nil}, {`"" x`, nil},
	} {
		got, err := split(tc.in)
		if !slices.Equal(got, tc.want) || (err != nil) != (tc.want == nil) {
			t.Errorf("split(%q) = %q, %v", tc.in, got, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b c" 'd' %s`)
	f.Fuzz(func(t *testing.T, command string) {
		words, err := split(command)
		if err == nil && (len(words) == 0 || words[0] == "") {
			t.Fatal("no program")
		}
		// Quoted, the words that were found are found again.
		quoted := ""
		for _, word := range words {
			quote := "'"
			if strings.Contains(word, quote) {
				quote = `"`
			}
			if strings.Contains(word, quote) {
				return
			}
			quoted += quote + word + quote + " "
		}
		if again, err := split(quoted); len(words) > 0 && (err != nil || !slices.Equal(again, words)) {
			t.Fatalf("%q became %q, %v", words, again, err)
		}
	})
}

// script writes a program that leaves its arguments, a line each, beside itself.
func script(t *testing.T, tail string) (command string, arguments func() []string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh to write a browser in")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "my browser")
	testguard.Script(t, path, "for a; do echo \"$a\"; done > '"+dir+"/new' && mv '"+dir+"/new' '"+dir+"/args'\n"+tail)
	return "'" + path + "'", func() []string {
		text, err := os.ReadFile(filepath.Join(dir, "args"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

func TestOpenWith(t *testing.T) {
	for _, tc := range []struct {
		words string
		want  []string
	}{
		{"", []string{signInURL}},
		{" --new $HOME ;", []string{"--new", "$HOME", ";", signInURL}},
		{" --app=%s -x", []string{"--app=" + signInURL, "-x"}},
		{" %s %s", []string{signInURL, signInURL}},
	} {
		command, arguments := script(t, "")
		if err := OpenWith(t.Context(), command+tc.words, signInURL); err != nil {
			t.Errorf("%q: %v", tc.words, err)
		} else if got := arguments(); !slices.Equal(got, tc.want) {
			t.Errorf("%q: arguments %q, want %q", tc.words, got, tc.want)
		}
	}
	command, _ := script(t, "exit 3")
	if err := OpenWith(t.Context(), command, signInURL); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error %v", err)
	}
	for _, missing := range []string{"no-such-browser-FAKE", "/no/such/browser"} {
		if err := OpenWith(t.Context(), missing, signInURL); err == nil {
			t.Errorf("%s is opened", missing)
		}
	}
	if err := OpenWith(t.Context(), "browser.BAT", signInURL); err == nil ||
		!strings.Contains(err.Error(), "batch file") {
		t.Errorf("error %v", err)
	}
	if err := OpenWith(t.Context(), "", signInURL); err == nil {
		t.Error("an empty command is run")
	}
}

func TestOpenWithALongRunningBrowser(t *testing.T) {
	command, arguments := script(t, "sleep 2.5")
	begun := testguard.Start()
	if err := OpenWith(t.Context(), command, signInURL); err != nil {
		t.Error(err)
	}
	if took := begun.Elapsed(); took < openLimit {
		t.Errorf("took %v, want %v", took, openLimit)
	}
	begun.Within(t, openLimit+400*time.Millisecond, "opening")
	if got := arguments(); !slices.Equal(got, []string{signInURL}) {
		t.Errorf("arguments %q", got)
	}
}
