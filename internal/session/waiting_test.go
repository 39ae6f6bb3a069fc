package session

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

func anyPort(t *testing.T) int {
	t.Helper()
	port, err := strconv.Atoi(testguard.FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// signInBy signs in with what drive does: events come to it one by one, and what it
// sends is pasted.
func signInBy(t *testing.T, r *rig, o SignInOptions, drive func(e Event, paste chan<- string)) (said []string,
	err error) {
	t.Helper()
	o.Port = anyPort(t)
	paste := make(chan string, 20)
	o.Paste = paste
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	var mu sync.Mutex
	_, err = r.start().SignIn(t.Context(), o, func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == EventRefused {
			said = append(said, e.Err.Error())
		}
		drive(e, paste)
	})
	mu.Lock()
	defer mu.Unlock()
	return said, err
}

// TestPastedCodeThatIsNone: what the server does not know as a code ends no sign-in. Each
// goes to it once, and both ways stay open.
func TestPastedCodeThatIsNone(t *testing.T) {
	testguard.Slow(t)
	visit := func(t *testing.T, link string) {
		go func() { // it is answered when the sign-in has ended
			location, err := fakeclaude.Approve(context.WithoutCancel(t.Context()), link)
			if err != nil {
				t.Error(err)
				return
			}
			if res, err := http.Get(location); err == nil {
				res.Body.Close()
			}
		}()
	}
	codeOf := func(t *testing.T, link string) (code, state string) {
		location, err := fakeclaude.Approve(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(location)
		return u.Query().Get("code"), u.Query().Get("state")
	}
	tests := []struct {
		name    string
		method  Method
		lines   []string // pasted one after the other
		then    string   // redirect, bare, query, nothing
		refused int      // times that it was said
		sent    int
		exit    int
	}{
		{"then the browser", "browser", []string{"FAKE-wrong-1"}, "redirect", 1, 2, 0},
		{"then a right one", "paste", []string{"FAKE-wrong-1"}, "bare", 1, 2, 0},
		{"then the query of the browser", "browser", []string{"FAKE-wrong-1"}, "query", 1, 2, 0},
		{"the same once more", "browser", []string{"FAKE-wrong-1", "FAKE-wrong-1"}, "redirect", 2, 2, 0},
		{"two of them", "browser", []string{"FAKE-wrong-1", "FAKE-wrong-2"}, "redirect", 2, 3, 0},
		{"the digits of an e-mail", "browser", []string{"482913"}, "redirect", 1, 1, 0},
		{"with a state it is the sign-in's end", "browser", []string{"FAKE-wrong-1#STATE"}, "", 0, 1, ExitFailed},
		{"nothing more can come", "paste", []string{"FAKE-wrong-1"}, "end", 0, 1, ExitFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			var link, page string
			lines := test.lines
			said, err := signInBy(t, r, SignInOptions{Method: test.method}, func(e Event, paste chan<- string) {
				switch e.Kind {
				case EventSignInURL:
					link = e.Value
				case EventPasteURL:
					page = e.Value
				case EventRefused:
					if strings.HasPrefix(test.lines[0], "482") { // refused without a new wait
						visit(t, link)
					}
				case EventWaiting:
					if len(lines) > 0 {
						u, _ := url.Parse(page)
						paste <- strings.ReplaceAll(lines[0], "STATE", u.Query().Get("state"))
						if lines = lines[1:]; test.then == "end" {
							close(paste)
						}
						return
					}
					switch test.then {
					case "redirect":
						visit(t, link)
					case "bare":
						code, _ := codeOf(t, page)
						paste <- code
					case "query":
						code, state := codeOf(t, link)
						paste <- "?code=" + url.QueryEscape(code) + "&state=" + state
					}
				default: // no person answers these
				}
			})
			if exitOf(err) != test.exit || len(said) != test.refused || r.server.Count("exchange") != test.sent {
				t.Errorf("exit %d (%v), refused %q, %d sent", exitOf(err), err, said, r.server.Count("exchange"))
			}
		})
	}
}

// TestPastedCodeAsTimeRunsOut: the refusal is what the person is told then.
func TestPastedCodeAsTimeRunsOut(t *testing.T) {
	testguard.Slow(t)
	r := newRig(t)
	r.server.Set(func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "exchange", Delay: 1500 * time.Millisecond}}
	})
	_, err := signInBy(t, r, SignInOptions{Method: "browser", Timeout: time.Second},
		func(e Event, paste chan<- string) {
			if e.Kind == EventWaiting {
				paste <- "FAKE-wrong-1"
			}
		})
	if exitOf(err) != ExitFailed || r.server.Count("exchange") != 1 {
		t.Errorf("%v, %d sent", err, r.server.Count("exchange"))
	}
}
