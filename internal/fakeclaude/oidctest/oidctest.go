// Package oidctest runs an authorization server that is not ours (npm oidc-provider,
// started by testdata/oidc/server.mjs) for tests that check the protocol against a
// second opinion. It installs nothing: without node and an installed package the
// test is skipped.
package oidctest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// DirVariable names the directory in which `npm install` was run for
// testdata/oidc/package.json; the test guard lets it through.
const DirVariable = "KTTEST_OIDC_DIR"

// Provider is a running server.
type Provider struct {
	// Issuer is the iss of every redirect (RFC 9207).
	Issuer string `json:"issuer"`
	// AuthorizeURL is the sign-in page: it signs in at once and redirects.
	AuthorizeURL string `json:"authorize"`
	// TokenURL takes JSON; revocation is at /revoke below it.
	TokenURL string `json:"token"`
	// PasteURL shows CODE#STATE as plain text.
	PasteURL string `json:"paste"`
	// Account is who signs in. There is no profile to ask for it.
	Account string `json:"account"`
}

// Start runs the server until the test ends, with access tokens that live 60 s. An
// empty dir means what DirVariable names.
func Start(t testing.TB, dir string) *Provider {
	t.Helper()
	if dir == "" {
		dir = os.Getenv(DirVariable)
	}
	if dir == "" {
		t.Skipf("%s names no directory with npm's oidc-provider in it", DirVariable)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "oidc-provider")); err != nil {
		t.Skipf("oidc-provider is not installed in %s", dir)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	script, err := script()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, node, script, dir)
	notices := &strings.Builder{}
	command.Stderr = notices
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, cancel) // it answers and it ends, or it is killed
	line, readErr := bufio.NewReader(stdout).ReadBytes('\n')
	late.Stop()
	t.Cleanup(func() {
		late := time.AfterFunc(10*time.Second, cancel)
		defer late.Stop()
		defer cancel()
		_ = stdin.Close()
		if err := command.Wait(); err != nil || readErr != nil {
			t.Errorf("oidc-provider ended badly: %v\n%s", err, notices)
		}
	})
	p := &Provider{}
	if readErr != nil {
		t.Fatalf("oidc-provider did not start: %v", readErr)
	}
	if err := json.Unmarshal(line, p); err != nil {
		t.Fatalf("reading oidc-provider's addresses: %v", err)
	}
	return p
}

// script finds server.mjs from wherever in the module the test runs.
func script() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "internal", "fakeclaude", "testdata", "oidc", "server.mjs"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the test does not run inside the module")
		}
		dir = parent
	}
}

// Env returns the variables, as NAME=value, that point keytender at this server. It
// has no API: KEYTENDER_API_URL leads to plain 404s.
func (p *Provider) Env() []string {
	return []string{
		"ANTHROPIC_AUTH_URL=" + p.AuthorizeURL,
		"KEYTENDER_CONSOLE_AUTH_URL=" + p.AuthorizeURL,
		"ANTHROPIC_TOKEN_URL=" + p.TokenURL,
		"ANTHROPIC_REDIRECT_URI=" + p.PasteURL,
		"KEYTENDER_API_URL=" + p.Issuer,
		"KEYTENDER_ISSUER=" + p.Issuer,
	}
}

// Approve follows an authorize URL through the sign-in as a browser would, and returns
// the redirect to the client without fetching it.
func (p *Provider) Approve(ctx context.Context, authorizeURL string) (redirectLocation string, err error) {
	asked, err := url.Parse(authorizeURL)
	if err != nil {
		return "", err
	}
	redirectURI := asked.Query().Get("redirect_uri")
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport,
		Jar:       jar,
		Timeout:   30 * time.Second,
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if strings.HasPrefix(next.URL.String(), redirectURI+"?") {
				return http.ErrUseLastResponse
			}
			if len(before) > 10 {
				return errors.New("too many redirects")
			}
			return nil
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, authorizeURL, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("signing in at oidc-provider: %w", err)
	}
	defer response.Body.Close()
	location, err := response.Location()
	if err != nil {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return "", fmt.Errorf("oidc-provider did not redirect: %s %s", response.Status, text)
	}
	return location.String(), nil
}
