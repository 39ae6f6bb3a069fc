package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"keytender/internal/session"
	"keytender/internal/testguard"
)

// The stand-ins for other people's programs. Each writes what it was given into the
// folder $RECORD (NAME.args, NAME.stdin, NAME.env), and behaves as $FAKE_NAME says.

// shortenLimits is for the programs that never answer. What is really installed is out
// of sight.
func shortenLimits() {
	session.ClaudePlaces = nil
	session.ClaudeLimits.Version, session.ClaudeLimits.EndGrace = 5*time.Second, 3*time.Second
	ghLimit = 5 * time.Second
}

func record(name, what string, data []byte) {
	if dir := os.Getenv("RECORD"); dir != "" {
		_ = os.MkdirAll(dir, 0o700)
		f, err := os.OpenFile(filepath.Join(dir, name+"."+what), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		defer f.Close()
		_, _ = f.Write(append(data, '\n'))
	}
}

func recordCall(name string, args []string) {
	record(name, "args", []byte(strings.Join(args, " ")))
	record(name, "env", []byte(strings.Join(os.Environ(), "\n")))
}

// fakeGH is the GitHub command line. FAKE_GH: signed-out, forbidden, unknown, offline,
// hang, echo (an error that repeats the value); with "set-" before it, only when it sets.
func fakeGH(args []string) int {
	recordCall("gh", args)
	value, _ := io.ReadAll(os.Stdin)
	record("gh", "stdin", value)
	say := func(code int, text string) int {
		fmt.Fprintln(os.Stderr, text)
		return code
	}
	mode, whenSetting := strings.CutPrefix(os.Getenv("FAKE_GH"), "set-")
	if whenSetting && !slices.Contains(args, "set") {
		return 0
	}
	switch mode {
	case "signed-out":
		return say(4,
			"To get started with GitHub CLI, please run:  gh auth login\nAlternatively, populate the GH_TOKEN environment variable")
	case "forbidden":
		return say(1,
			"failed to fetch public key: HTTP 403: Resource not accessible by personal access token (https://api.github.com/repos/o/n/actions/secrets/public-key)")
	case "unknown":
		return say(1,
			"failed to fetch public key: HTTP 404: Not Found (https://api.github.com/repos/o/n/actions/secrets/public-key)")
	case "offline":
		return say(1, "error connecting to api.github.com\ncheck your internet connection or https://githubstatus.com")
	case "echo":
		return say(3, "\x1b[31mpanic\x1b[0m: cannot encrypt "+string(value))
	case "hang":
		hang()
	}
	fmt.Println("✓ Set Actions secret")
	return 0
}

// hang waits for the signal that asks to end, and says which it was.
func hang() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	select {
	case s := <-signals:
		record("signal", "args", []byte(s.String()))
		os.Exit(9)
	case <-time.After(time.Minute): // a test that fails leaves nothing behind
		os.Exit(9)
	}
}

// fakeClaude is the official client. FAKE_CLAUDE: old, other-old, hang-version;
// at a sign-in fail, lie, hang, write-and-fail, write-and-hang, ask, nobody (its entry has
// no ids), key (it makes an API key and no login), stranger (its state file speaks of another account); at a renewal
// refuse, hang, blank, write-and-fail.
func fakeClaude(args []string) int {
	recordCall("claude", args)
	mode := os.Getenv("FAKE_CLAUDE")
	switch line := strings.Join(args, " "); {
	case line == "--version":
		return fakeVersion(mode)
	case strings.HasPrefix(line+" ", "auth login --claudeai "), strings.HasPrefix(line+" ", "auth login --console "):
		return fakeSignIn(mode)
	case line == "auth status --json":
		fmt.Printf(`{"loggedIn":true,"authMethod":%q,"apiProvider":"firstParty","email":%q,"orgId":%q}`,
			cmp.Or(os.Getenv("FAKE_METHOD"), "claude.ai"), os.Getenv("FAKE_EMAIL"), os.Getenv("FAKE_ORG"))
		return 0
	case len(args) == 4 && strings.HasPrefix(line, "-p . --model "):
		input, _ := io.ReadAll(os.Stdin)
		record("claude", "stdin", input)
		record("prompt", "env", []byte(strings.Join(os.Environ(), "\n")))
		return fakePrompt(mode)
	}
	fmt.Fprintln(os.Stderr, "fake claude: unexpected arguments")
	return 64
}

func fakeVersion(mode string) int {
	switch mode {
	case "old":
		fmt.Println("2.0.76 (Claude Code)")
	case "other-old":
		fmt.Println("cloud accounting, claude v1.4.2")
	case "newest":
		fmt.Println("2.1.99999 (Claude Code)")
	case "hang-version":
		hang()
	default:
		fmt.Println("2.1.329 (Claude Code)")
	}
	return 0
}

func fakeSignIn(mode string) int {
	switch mode {
	case "fail":
		fmt.Fprintln(os.Stderr, "Login failed: access_denied")
		return 1
	case "lie":
		fmt.Println("Login successful.")
		return 0
	case "hang":
		hang()
	case "key", "key-and-fail", "odd-key":
		key := "sk-ant-api03-FAKE-made-by-the-client"
		if mode == "odd-key" {
			key = "FAKE-odd"
		}
		state := fmt.Sprintf(
			`{"primaryApiKey":%q,"oauthAccount":{"accountUuid":"FAKE-a","emailAddress":"a@example.com","organizationUuid":"FAKE-org"}}`,
			key)
		must(os.WriteFile(filepath.Join(os.Getenv("HOME"), ".claude.json"), []byte(state), 0o600))
		if mode == "key-and-fail" {
			return 1
		}
		return 0
	case "ask":
		fmt.Print("Paste code here if prompted > ")
		line := make([]byte, 64)
		n, _ := os.Stdin.Read(line)
		record("claude", "stdin", line[:n])
	}
	var issued struct{ Access, Refresh string }
	ask("POST", "/_control/issue", "", []byte(`{"account":"a@example.com"}`), &issued)
	var profile struct {
		Account      struct{ UUID, Email string }
		Organization struct{ UUID string }
	}
	ask("GET", "/api/oauth/profile", issued.Access, nil, &profile)
	login := map[string]any{
		"accessToken": issued.Access, "refreshToken": issued.Refresh,
		"expiresAt": time.Now().Add(8 * time.Hour).UnixMilli(),
		"scopes":    []string{"user:profile", "user:inference"}, "subscriptionType": "max",
		"accountUuid": profile.Account.UUID, "organizationUuid": profile.Organization.UUID,
	}
	if mode == "nobody" {
		delete(login, "accountUuid")
		delete(login, "organizationUuid")
	}
	writeLogin(login)
	id := profile.Account.UUID
	if mode == "stranger" {
		id = "FAKE-somebody-else"
	}
	state, _ := json.Marshal(map[string]any{"oauthAccount": map[string]string{"accountUuid": id,
		"emailAddress": profile.Account.Email}})
	must(os.WriteFile(filepath.Join(os.Getenv("HOME"), ".claude.json"), state, 0o600))
	fmt.Println("Login successful.")
	switch mode {
	case "write-and-fail":
		return 1
	case "write-and-hang":
		hang()
	}
	return 0
}

// fakePrompt renews as the client does before it answers a prompt.
func fakePrompt(mode string) int {
	login := readLogin()
	refresh, _ := login["refreshToken"].(string)
	switch mode {
	case "refuse":
		return 1
	case "hang":
		hang()
	case "blank":
		login["accessToken"], login["refreshToken"], login["expiresAt"] = "", "", 0
		writeLogin(login)
		return 1
	}
	body, _ := json.Marshal(map[string]string{"grant_type": "refresh_token", "refresh_token": refresh,
		"client_id": "9d1c250a-e61b-44d9-88ed-5944d1962f5e"})
	var grant struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Expires int64  `json:"expires_in"`
	}
	ask("POST", "/v1/oauth/token", "", body, &grant)
	login["accessToken"], login["refreshToken"] = grant.Access, grant.Refresh
	login["expiresAt"] = time.Now().Add(time.Duration(grant.Expires) * time.Second).UnixMilli()
	writeLogin(login)
	if mode == "write-and-fail" {
		return 1
	}
	fmt.Println("hi")
	return 0
}

func ask(method, path, bearer string, body []byte, into any) {
	request, err := http.NewRequest(method, os.Getenv("KEYTENDER_API_URL")+path, bytes.NewReader(body))
	must(err)
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := (&http.Client{Timeout: testguard.Patience}).Do(request)
	must(err)
	defer response.Body.Close()
	if response.StatusCode != 200 {
		panic(path + ": " + response.Status)
	}
	must(json.NewDecoder(response.Body).Decode(into))
}

func entryFile() string { return os.Getenv("ENTRY") }

func readLogin() map[string]any {
	entry := map[string]json.RawMessage{}
	data, err := os.ReadFile(entryFile())
	must(err)
	must(json.Unmarshal(data, &entry))
	login := map[string]any{}
	must(json.Unmarshal(entry["claudeAiOauth"], &login))
	return login
}

func writeLogin(login map[string]any) {
	entry := map[string]json.RawMessage{}
	if data, err := os.ReadFile(entryFile()); err == nil {
		must(json.Unmarshal(data, &entry))
	}
	entry["claudeAiOauth"], _ = json.Marshal(login)
	data, _ := json.Marshal(entry)
	must(os.WriteFile(entryFile(), data, 0o600))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
