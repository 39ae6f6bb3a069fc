package config

import (
	"bytes"
	"encoding/pem"
	"errors"
	"maps"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// refusal is what is said about these variables on that system.
func refusal(t *testing.T, goos string, variables ...string) *Error {
	t.Helper()
	c := Config{Origin: map[string]Origin{}, environ: map[string]string{}}
	err := c.takeEverywhere(lookup(variables), nil, goos)
	if err == nil {
		return nil
	}
	known := &Error{}
	if !errors.As(err, &known) || known.Hint == "" || known.Reason == "" {
		t.Fatalf("%v", err)
	}
	if strings.Contains(known.Error()+known.Hint, "FAKE") {
		t.Errorf("a password is repeated: %v", known)
	}
	return known
}

func TestProxyIsChecked(t *testing.T) {
	for _, good := range []string{
		"http://proxy.example:3128", "https://proxy.example", "socks5://127.0.0.1:1080", "socks5h://[::1]:1080",
		"proxy.example:3128", "proxy.example",
		"http://me:FAKE@proxy.example:3128/", "127.0.0.1:9", "localhost:1", "HTTP://PROXY.EXAMPLE",
	} {
		if err := refusal(t, "linux", "HTTPS_PROXY="+good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"::bad", "http://", "http://:3128", "://x", "http://a b", "http://me:FAKE@", "ftp://proxy.example",
		"http://proxy.example:99999",
		"http://proxy.example:0", "http://proxy.example:port", "http://[::1", "socks4://proxy.example", "%zz",
		"http://me:FAKE@proxy.example:x/", " ", "\x00", "file:///etc/passwd",
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
			if err := refusal(t, "linux", name+"="+bad); err == nil || err.Name != name {
				t.Errorf("%s=%q: %v", name, bad, err)
			}
		}
	}
	if err := refusal(t, "linux", "HTTPS_PROXY=http://proxy.example", "https_proxy=::bad"); err != nil {
		t.Errorf("a variable that nobody reads: %v", err)
	}
	if err := refusal(t, "linux", "HTTPS_PROXY=", "https_proxy=::bad"); err == nil {
		t.Error("an empty variable hides the one that counts")
	}
}

// A key of config.toml stands in for a variable that is not set, and is checked like it; a
// proxy's password is in none of what is shown.
func TestKeysStandIn(t *testing.T) {
	tests := []struct {
		file, variable string
		want           map[string]string // what Export sets
		value, from    string            // of HTTPS_PROXY
	}{
		{"", "", nil, "", ""},
		{"https_proxy = 'http://me:FAKE@proxy.example:3128'", "",
			map[string]string{"HTTPS_PROXY": "http://me:FAKE@proxy.example:3128"}, "http://proxy.example:3128", "file"},
		{"https_proxy = 'me:FAKE@proxy.example'", "", map[string]string{"HTTPS_PROXY": "me:FAKE@proxy.example"},
			"proxy.example", "file"},
		{"https_proxy = 'proxy.example'", "HTTPS_PROXY=http://me:FAKE@other.example", nil, "http://other.example",
			"environment"},
		{"https_proxy = 'proxy.example'", "https_proxy=other.example", nil, "other.example", "environment"},
		{"https_proxy = 'proxy.example'", "HTTPS_PROXY=", map[string]string{"HTTPS_PROXY": "proxy.example"},
			"proxy.example", "file"},
		{"no_proxy = ['a.example', 'b.example']", "", map[string]string{"NO_PROXY": "a.example,b.example"}, "", ""},
		{"no_color = true", "", map[string]string{"NO_COLOR": "1"}, "", ""},
		{"no_color = false", "", map[string]string{"NO_COLOR": ""}, "", ""},
		{"no_color = true", "NO_COLOR=x", nil, "", ""},
	}
	for _, test := range tests {
		home := t.TempDir()
		file := filepath.Join(home, "config.toml")
		if err := os.WriteFile(file, []byte(test.file), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(lookup([]string{"KEYTENDER_HOME=" + home, test.variable}), nil)
		if err != nil || !maps.Equal(c.environ, test.want) {
			t.Errorf("%s, %s: %v, %v", test.file, test.variable, c.environ, err)
		}
		if from := map[string]string{"": "", "environment": "environment",
			"file": file}[test.from]; c.Origin["HTTPS_PROXY"] != (Origin{test.value, from}) {
			t.Errorf("%s, %s: shown as %v", test.file, test.variable, c.Origin["HTTPS_PROXY"])
		}
	}
	for _, bad := range []string{"https_proxy = '::bad'", "https_proxy = 'http://me:FAKE@'",
		"ssl_cert_file = '/missing/roots.pem'", "no_color = 'maybe'"} {
		if strings.HasPrefix(bad, "ssl") && (runtime.GOOS == "windows" || runtime.GOOS == "darwin") {
			continue // it is not looked at there
		}
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(lookup([]string{"KEYTENDER_HOME=" + home}), nil)
		known := &Error{}
		if !errors.As(err, &known) || !strings.Contains(bad, known.Name) || !strings.Contains(known.Hint, home) ||
			strings.Contains(known.Error(), "FAKE") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// FuzzProxy: what is accepted is a proxy to net/http as well, and the same one; so none
// is left out in silence.
func FuzzProxy(f *testing.F) {
	for _, seed := range []string{"http://proxy.example:3128", "::bad", "proxy:1", "socks5://a", "a://b",
		"http://u:p@h:1/x?y#z", "[::1]:3", "http://http://x", "%41", "a:b@c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || checkProxy(text) != nil {
			return
		}
		theirs, err := likeGo(text)
		if err != nil || theirs == nil || theirs.Hostname() == "" {
			t.Fatalf("%q is taken, and net/http makes of it %v, %v", text, theirs, err)
		}
	})
}

// likeGo is how net/http reads a proxy's variable (golang.org/x/net/http/httpproxy).
func likeGo(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		if u, err := url.Parse("http://" + text); err == nil {
			return u, nil
		}
	}
	return u, err
}

func TestCertificateFileIsChecked(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, text []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("FAKE")})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("FAKE")})
	join := func(parts ...[]byte) (all []byte) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	for name, text := range map[string][]byte{
		"plain": certificate, "with a heading": join([]byte("# my roots\n"), certificate),
		"behind a key": join(key, certificate), "behind a broken one": join(broken, certificate),
		"cut by the first read": join(bytes.Repeat([]byte{'#'}, firstCertificate-len(certificate)/2), []byte{'\n'},
			certificate),
	} {
		if err := refusal(t, "linux", "SSL_CERT_FILE="+put("good.pem", text, 0o600)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string]string{
		"missing": filepath.Join(dir, "missing.pem"), "empty": put("empty.pem", nil, 0o600), "a folder": dir,
		"the null device": os.DevNull,
		"no certificate":  put("key.pem", key, 0o600), "a broken one": put("broken.pem", broken, 0o600),
		"cut":    put("cut.pem", certificate[:len(certificate)/2], 0o600),
		"binary": put("der", server.Certificate().Raw, 0o600), "a strange name": filepath.Join(dir, "x\x1b[31m"),
	}
	if os.Getuid() > 0 {
		bad["unreadable"] = put("locked.pem", certificate, 0)
	}
	for name, path := range bad {
		err := refusal(t, "linux", "SSL_CERT_FILE="+path)
		if err == nil || err.Name != "SSL_CERT_FILE" || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", name, err)
		}
		for _, goos := range []string{"windows", "darwin"} {
			if err := refusal(t, goos, "SSL_CERT_FILE="+path); err != nil {
				t.Errorf("%s, which %s does not read: %v", name, goos, err)
			}
		}
	}
	if err := refusal(t, "linux", "SSL_CERT_FILE="); err != nil {
		t.Errorf("set and empty: %v", err)
	}
}
