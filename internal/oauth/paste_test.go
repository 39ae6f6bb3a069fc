package oauth

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestParsePaste(t *testing.T) {
	c := fakeConfig
	c.Issuer = "https://issuer.example"
	a := newAttempt(t, c)
	const paste = "https://platform.example/oauth/code/callback"
	state := a.State()
	other := newAttempt(t, c).State()
	query := "?code=FAKE-code&state=" + state

	tests := []struct {
		name, text string
		code, uri  string // expected
		err        error
	}{
		{"code and state", "FAKE-code#" + state, "FAKE-code", paste, nil},
		{"bare code", "FAKE-code", "FAKE-code", paste, nil},
		{"short code", "FAKE", "FAKE", paste, nil},
		{"an answer to a question", "yes", "", "", ErrNotACode},
		{"talk", "I have no code", "", "", ErrNotACode},
		{"longest code", strings.Repeat("c", maxCode) + "#" + state, strings.Repeat("c", maxCode), paste, nil},
		{"odd but printable", "a!$&'()*+,;=:@/?-._~b#" + state, "a!$&'()*+,;=:@/?-._~b", paste, nil},
		{"blanks around", " \t FAKE-code#" + state + " \r\n", "FAKE-code", paste, nil},
		{"no-break blanks and a byte-order mark", "\ufeff\u00a0FAKE-\u200bcode#" + state + "\u00a0", "FAKE-code", paste,
			nil},
		{"wrapped", "FAKE-\n  code#" + state[:20] + "\r\n" + state[20:], "FAKE-code", paste, nil},
		{"double quotes", `"FAKE-code#` + state + `"`, "FAKE-code", paste, nil},
		{"typographic quotes", "“FAKE-code#" + state + "”", "FAKE-code", paste, nil},
		{"backquotes", "`FAKE-code`", "FAKE-code", paste, nil},
		{"quotes and blanks", ` ' FAKE-code ' `, "FAKE-code", paste, nil},
		{"bracketed paste", "\x1b[200~FAKE-code#" + state + "\x1b[201~", "FAKE-code", paste, nil},
		{"bracketed paste with quotes and newline", "\x1b[200~\"FAKE-code#" + state + "\"\n\x1b[201~\n", "FAKE-code",
			paste, nil},
		{"percent-encoded", "FAKE%2Bcode%23" + state + "%0A", "FAKE+code", paste, nil},
		{"percent sign that encodes nothing", "100%#" + state, "100%", paste, nil},

		{"loopback URL", fakeLoopback + query, "FAKE-code", fakeLoopback, nil},
		{"paste page's URL", paste + query, "FAKE-code", paste, nil},
		{"loopback URL by number", "http://127.0.0.1:8765/callback" + query, "FAKE-code", fakeLoopback, nil},
		{"loopback URL by IPv6 number", "http://[::1]:8765/callback" + query, "FAKE-code", fakeLoopback, nil},
		{"code with a percent sign", "FAKE%41code#" + state, "FAKE%41code", paste, nil},
		{"URL in capitals", "HTTP://LOCALHOST:8765/callback" + query, "FAKE-code", fakeLoopback, nil},
		{"URL with the usual port", "https://platform.example:443/oauth/code/callback" + query, "FAKE-code", paste,
			nil},
		{"URL without scheme", "localhost:8765/callback" + query, "FAKE-code", fakeLoopback, nil},
		{"URL in angle brackets", "<" + paste + query + ">", "FAKE-code", paste, nil},
		{"URL, wrapped", fakeLoopback + "?code=FA\n KE-code&sta\nte=" + state, "FAKE-code", fakeLoopback, nil},
		{"URL, percent-encoded as a whole", url.QueryEscape(fakeLoopback + query), "FAKE-code", fakeLoopback, nil},
		{"URL with escaped code", fakeLoopback + "?state=" + state + "&code=a%2Fb%3D", "a/b=", fakeLoopback, nil},
		{"URL with other parameters", fakeLoopback + query + "&scope=a&scope=b&iss=https%3A%2F%2Fissuer.example",
			"FAKE-code", fakeLoopback, nil},
		{"URL with a fragment", fakeLoopback + query + "#_=_", "FAKE-code", fakeLoopback, nil},
		{"URL with an empty error", fakeLoopback + query + "&error=", "FAKE-code", fakeLoopback, nil},

		{"query alone", query, "FAKE-code", fakeLoopback, nil},
		{"query alone without its mark", query[1:], "FAKE-code", fakeLoopback, nil},
		{"query alone, state first", "state=" + state + "&code=FAKE-code", "FAKE-code", fakeLoopback, nil},
		{"query alone, in quotes and wrapped", "'?code=FA\n KE-code&state=" + state + "'", "FAKE-code", fakeLoopback,
			nil},
		{"query alone, percent-encoded as a whole", url.QueryEscape(query), "FAKE-code", fakeLoopback, nil},
		{"query alone, escaped code", "?code=a%2Fb%3D&state=" + state, "a/b=", fakeLoopback, nil},
		{"query alone with a fragment", query + "#_=_", "FAKE-code", fakeLoopback, nil},
		{"bare code with an equals sign", "FAKEcode=1", "FAKEcode=1", paste, nil},
		{"digits and their state", "482913#" + state, "482913", paste, nil},
		{"many digits", "4829134829134829", "4829134829134829", paste, nil},

		{"query alone, wrong state", "?code=FAKE-code&state=" + other, "", "", ErrWrongState},
		{"query alone, no state", "code=FAKE-code", "", "", ErrWrongState},
		{"query alone, code twice", query + "&code=FAKE-2", "", "", ErrNotACode},
		{"query alone, no code", "?state=" + state, "", "", ErrNotACode},
		{"query alone, broken escape", "?code=%zz&state=" + state, "", "", ErrNotACode},
		{"query of the sign-in link", "code=true&" + a.PasteURL()[strings.Index(a.PasteURL(), "client_id"):], "", "",
			ErrSignInLink},
		{"token in a query", "code=sk-ant-oat01-FAKE&state=" + state, "", "", ErrPastedToken},

		{"digits of an e-mail", "482913", "", "", ErrMailCode},
		{"digits of an e-mail, with a blank", " 482 913\n", "", "", ErrNotACode},
		{"digits of an e-mail, with a line", "4829-1357", "", "", ErrMailCode},

		{"empty", "", "", "", ErrNotACode},
		{"blank", " \n", "", "", ErrNotACode},
		{"quotes alone", `""`, "", "", ErrNotACode},
		{"state alone", state, "", "", ErrNotACode},
		{"no code before the state", "#" + state, "", "", ErrNotACode},
		{"too long", strings.Repeat("c", maxCode+1), "", "", ErrNotACode},
		{"far too long", strings.Repeat(" ", maxPaste) + "FAKE-code", "", "", ErrNotACode},
		{"control character", "FAKE\x00code", "", "", ErrNotACode},
		{"escape sequence", "\x1b[31mFAKE-code", "", "", ErrNotACode},
		{"not ASCII", "Fäke", "", "", ErrNotACode},
		{"not UTF-8", "FAKE\xff", "", "", ErrNotACode},
		{"encoded control character", "FAKE%00code", "", "", ErrNotACode},

		{"wrong state", "FAKE-code#" + other, "", "", ErrWrongState},
		{"nothing behind the mark", "FAKE-code#", "", "", ErrWrongState},
		{"state cut short", "FAKE-code#" + state[:42], "", "", ErrWrongState},
		{"state with more behind", "FAKE-code#" + state + "x", "", "", ErrWrongState},
		{"verifier as state", "FAKE-code#" + a.Verifier().Reveal(), "", "", ErrWrongState},
		{"two marks", "FAKE-code#" + state + "#" + state, "", "", ErrWrongState},
		{"URL, wrong state", fakeLoopback + "?code=FAKE-code&state=" + other, "", "", ErrWrongState},
		{"URL, no state", fakeLoopback + "?code=FAKE-code", "", "", ErrWrongState},
		{"URL, error with wrong state", fakeLoopback + "?error=access_denied&state=" + other, "", "", ErrWrongState},
		{"URL, error without state", fakeLoopback + "?error=access_denied", "", "", ErrWrongState},

		{"another host", "https://evil.example/oauth/code/callback" + query, "", "", ErrNotThisSignIn},
		{"another port", "http://localhost:8766/callback" + query, "", "", ErrNotThisSignIn},
		{"another path", "http://localhost:8765/other" + query, "", "", ErrNotThisSignIn},
		{"path spelled differently", "http://localhost:8765/%63allback" + query, "", "", ErrNotThisSignIn},
		{"another scheme", "http://platform.example/oauth/code/callback" + query, "", "", ErrNotThisSignIn},
		{"host as user", "http://localhost:8765@evil.example/callback" + query, "", "", ErrNotThisSignIn},
		{"with a user", "http://ann@localhost:8765/callback" + query, "", "", ErrNotThisSignIn},
		{"host with more behind", "https://platform.example.evil.example/oauth/code/callback" + query, "", "",
			ErrNotThisSignIn},
		{"another issuer", fakeLoopback + query + "&iss=https%3A%2F%2Fevil.example", "", "", ErrNotThisSignIn},

		{"repeated code", fakeLoopback + query + "&code=FAKE-2", "", "", ErrNotACode},
		{"repeated state", fakeLoopback + query + "&state=" + state, "", "", ErrNotACode},
		{"code and error", fakeLoopback + query + "&error=access_denied", "", "", ErrNotACode},
		{"no code", fakeLoopback + "?state=" + state, "", "", ErrNotACode},
		{"code with a blank", fakeLoopback + "?code=a+b&state=" + state, "", "", ErrNotACode},
		{"code with a control character", fakeLoopback + "?code=a%00b&state=" + state, "", "", ErrNotACode},
		{"broken escape", fakeLoopback + "?code=%zz&state=" + state, "", "", ErrNotACode},
		{"semicolon", fakeLoopback + "?code=a;state=" + state, "", "", ErrNotACode},

		{"the sign-in link", a.URL(fakeLoopback), "", "", ErrSignInLink},
		{"the paste link", a.PasteURL(), "", "", ErrSignInLink},
		{"the sign-in link where the server forwards it",
			strings.Replace(a.PasteURL(), "claude.example", "claude.elsewhere.example", 1), "", "", ErrSignInLink},

		{"access token", "sk-ant-oat01-FAKE-a1", "", "", ErrPastedToken},
		{"wrapped refresh token", "sk-a\nnt-ort01-FAKE", "", "", ErrPastedToken},
		{"API key in quotes", `"sk-ant-api03-FAKE"`, "", "", ErrPastedToken},
		{"token in an error", fakeLoopback + "?error=x&error_description=sk-ant-oat01-FAKE&state=" + state, "", "",
			ErrPastedToken},
		{"a whole record", `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE"}}`, "", "", ErrPastedToken},
		{"token with the right state", "sk-ant-oat01-FAKE#" + state, "", "", ErrPastedToken},
		{"token in the link", fakeLoopback + "?code=sk%2Dant-oat01-FAKE&state=" + state, "", "", ErrPastedToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := a.ParsePaste(test.text, fakeLoopback)
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if got.Code.Reveal() != test.code || got.RedirectURI != test.uri || got.Err != "" {
				t.Errorf("got %q for %q, error %q", got.Code.Reveal(), got.RedirectURI, got.Err)
			}
			if err != nil && strings.Contains(err.Error(), "FAKE") {
				t.Errorf("the error repeats what was pasted: %v", err)
			}
		})
	}
}

func TestParsePasteWithoutLoopback(t *testing.T) {
	a := newAttempt(t, fakeConfig)
	if got, err := a.ParsePaste("?code=FAKE&state="+a.State(), ""); err != nil ||
		got.RedirectURI != fakeConfig.PasteRedirect {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := a.ParsePaste(fakeLoopback+"?code=FAKE&state="+a.State(), ""); !errors.Is(err, ErrNotThisSignIn) {
		t.Errorf("error %v", err)
	}
	got, err := a.ParsePaste("FAKE-code#"+a.State(), "")
	if err != nil || got.RedirectURI != fakeConfig.PasteRedirect {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParsePasteError(t *testing.T) {
	a := newAttempt(t, fakeConfig)
	tests := []struct{ query, code, description string }{
		{"error=access_denied", "access_denied", ""},
		{"error=server_error&error_description=try+later", "server_error", "try later"},
		{"error=%3Cscript%3E&error_description=%1b%5b31mred%0Asecond%20line", "unknown_error", "[31mred second line"},
	}
	for _, test := range tests {
		got, err := a.ParsePaste(fakeLoopback+"?"+test.query+"&state="+a.State(), fakeLoopback)
		if err != nil || !got.Code.IsZero() || got.Err != test.code || got.ErrDescription != test.description {
			t.Errorf("%s: got %+v, %v", test.query, got, err)
		}
	}
}

func FuzzParsePaste(f *testing.F) {
	a := newAttempt(f, fakeConfig)
	// STATE stands for the attempt's state, which differs at every run.
	for _, seed := range []string{
		"FAKE-code#STATE", "FAKE-code", "FAKE-code#", "#STATE", "\x1b[200~FAKE#STATE\x1b[201~", "FAKE%23STATE",
		fakeLoopback + "?code=FAKE&state=STATE",
		fakeConfig.PasteRedirect + "?state=STATE&error=access_denied&error_description=a%0ab",
		"localhost:8765/callback?code=FAKE&state=STATE",
		"http%3A%2F%2Flocalhost%3A8765%2Fcallback%3Fcode%3DF%26state%3DSTATE",
		"sk-ant-oat01-FAKE", "://", "http://[::1", "\xff\x00", fakeLoopback + "?code=a&code=b&state=STATE",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := a.ParsePaste(strings.ReplaceAll(text, "STATE", a.State()), fakeLoopback)
		if err != nil {
			if got != (Pasted{}) {
				t.Errorf("an error and %+v", got)
			}
			return
		}
		if got.RedirectURI != fakeLoopback && got.RedirectURI != fakeConfig.PasteRedirect {
			t.Errorf("redirect %q", got.RedirectURI)
		}
		if got.RedirectURI == fakeLoopback && !strings.Contains(text, "STATE") {
			t.Error("a URL without our state was accepted")
		}
		if (got.Err == "") == got.Code.IsZero() {
			t.Errorf("neither or both of code and error: %+v", got)
		}
		if got.Err == "" && !isCode(got.Code.Reveal()) {
			t.Errorf("code %q", got.Code.Reveal())
		}
		if strings.Contains(strings.ToLower(got.Code.Reveal()+got.ErrDescription), "sk-ant-o") {
			t.Error("a token went through")
		}
		checkCleaned(t, got.Err+got.ErrDescription, 64+maxCleaned)
	})
}

func BenchmarkParsePaste(b *testing.B) {
	a := newAttempt(b, fakeConfig)
	for name, text := range map[string]string{
		"code": "FAKE-code#" + a.State(),
		"url":  fakeLoopback + "?code=FAKE-code&state=" + a.State(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.ParsePaste(text, fakeLoopback); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
