package fakeclaude

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func FuzzLoopbackRedirect(f *testing.F) {
	for _, seed := range []string{loopback, "http://localhost:0/callback", "http://localhost:1@x/callback",
		"http://localhost:8765/callback?x", "http://localhost:١/callback"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if !loopbackRedirect(uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.Hostname() != "localhost" || u.Path != "/callback" || u.User != nil ||
			u.String() != "http://localhost:"+u.Port()+"/callback" {
			t.Errorf("%q was taken: %v", uri, err)
		}
	})
}

func FuzzReadFields(f *testing.F) {
	for _, seed := range []string{`{"grant_type":"refresh_token","expires_in":"1"}`, `{"a":{"b":1},"c":null}`,
		"grant_type=x&a=%zz", "a=1&a=2", "null", ""} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, body string, form bool) {
		r, err := http.NewRequest("POST", "/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if form {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		fields, err := readFields(r, false)
		if form && body != "" && err == nil {
			t.Error("a form was taken without the switch")
		}
		if err == nil && !form && body != "" && !json.Valid([]byte(body)) {
			t.Errorf("%q was taken as %v", body, fields)
		}
	})
}
