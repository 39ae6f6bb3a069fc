package claudecode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"keytender/internal/secret"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// login is a good inner object, followed by more members.
func login(more string) string {
	return `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-a1","refreshToken":"sk-ant-ort01-FAKE-r1","expiresAt":1795249048058,"scopes":["user:profile","user:inference"]` +
		more + `}}`
}

func inner(members string) string { return `{"claudeAiOauth":{` + members + `}}` }

// The rows of the acceptance matrix that was measured on the client.
func TestEntryReadsAsTheClientDoes(t *testing.T) {
	const tokens = `"accessToken":"FAKE-a","refreshToken":"FAKE-r","expiresAt":1795249048058`
	const scopes = `,"scopes":["user:inference"]`
	tests := map[string]struct {
		text     string
		state    EntryState
		accepted bool
		damaged  bool
	}{
		"whole": {text: login(""), state: SignedIn, accepted: true},
		"pretty-printed": {text: "{\n  \"claudeAiOauth\": {\n    " + tokens + scopes + "\n  }\n}",
			state: SignedIn, accepted: true},
		"CRLF": {text: "{\r\n\"claudeAiOauth\": {" + tokens + scopes + "}\r\n}\r\n",
			state: SignedIn, accepted: true},
		"trailing newline": {text: login("") + "\n", state: SignedIn, accepted: true},
		"unknown keys": {text: `{"new":1,"claudeAiOauth":{"newer":{},` + tokens + scopes + `}}`,
			state: SignedIn, accepted: true},
		"unknown plan": {text: login(`,"subscriptionType":"platinum"`), state: SignedIn, accepted: true},
		"no plan":      {text: login(""), state: SignedIn, accepted: true},
		"32 kB": {text: login(`,"pad":"` + strings.Repeat("x", 32<<10) + `"`), state: SignedIn,
			accepted: true},
		"no refresh token":         {text: inner(`"accessToken":"FAKE-a"` + scopes), state: SignedIn, accepted: true},
		"no scopes":                {text: inner(tokens), state: SignedIn},
		"empty scopes":             {text: inner(tokens + `,"scopes":[]`), state: SignedIn},
		"null scopes":              {text: inner(tokens + `,"scopes":null`), state: SignedIn},
		"scopes without inference": {text: inner(tokens + `,"scopes":["user:profile"]`), state: SignedIn},
		"scopes as text":           {text: inner(tokens + `,"scopes":"user:profile user:inference"`), state: SignedIn},
		"key scope":                {text: inner(tokens + `,"scope":["user:inference"]`), state: SignedIn},
		"empty access token": {text: inner(`"accessToken":"","refreshToken":"FAKE-r"` + scopes),
			state: SignedOut},
		"no access token":       {text: inner(`"refreshToken":"FAKE-r"` + scopes), state: SignedOut},
		"access token a number": {text: inner(`"accessToken":7` + scopes), state: SignedOut},
		"stub": {text: inner(
			`"accessToken":"","refreshToken":"","expiresAt":0,"subscriptionType":"max"` + scopes), state: SignedOut},
		"no wrapper":      {text: `{` + tokens + scopes + `}`, state: SignedOut},
		"snake_case":      {text: `{"claude_ai_oauth":{"access_token":"FAKE-a"}}`, state: SignedOut},
		"only MCP logins": {text: `{"mcpOAuth":{"x":{}}}`, state: SignedOut},
		"empty object":    {text: `{}`, state: SignedOut},
		"byte-order mark": {text: "\xef\xbb\xbf" + login(""), damaged: true},
		"truncated":       {text: login("")[:50], damaged: true},
		"empty":           {text: "", damaged: true},
		"blank":           {text: " \n", damaged: true},
		"trailing NUL":    {text: login("") + "\x00", damaged: true},
		"two documents":   {text: login("") + login(""), damaged: true},
		"an array":        {text: `[]`, damaged: true},
		"null":            {text: `null`, damaged: true},
		"UTF-16":          {text: "{\x00}\x00", damaged: true},
		"not UTF-8":       {text: "{\"a\":\"\xff\"}", damaged: true},
		"login a string":  {text: `{"claudeAiOauth":"x"}`, damaged: true},
		"login an array":  {text: `{"claudeAiOauth":[]}`, damaged: true},
		// "loggedIn": false to the client
		"login null":           {text: `{"claudeAiOauth":null,"mcpOAuth":{}}`, state: SignedOut},
		"login twice":          {text: `{"claudeAiOauth":{},"claudeAiOauth":{}}`, damaged: true},
		"login twice, escaped": {text: `{"claudeAiOauth":{},"claude\u0041iOauth":{}}`, damaged: true},
		"token twice":          {text: inner(`"accessToken":"FAKE-a","accessToken":"FAKE-b"`), damaged: true},
		"sibling twice": {text: `{"x":1,"x":2,"claudeAiOauth":{` + tokens + scopes + `}}`, state: SignedIn,
			accepted: true},
		"very deep": {text: `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
			damaged: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := parseEntry([]byte(tt.text), "file")
			if tt.damaged {
				if !errors.Is(err, keychain.ErrDamaged) {
					t.Fatalf("err = %v, want keychain.ErrDamaged", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			ok, why := e.AcceptedByClient()
			if e.State != tt.state || ok != tt.accepted || (why == "") != ok {
				t.Errorf("state %v accepted %v %q, want %v %v", e.State, ok, why, tt.state, tt.accepted)
			}
		})
	}
}

func TestExpiresAtReadsAsTheClientDoes(t *testing.T) {
	at := time.UnixMilli(1795249048058).UTC()
	tests := []struct {
		raw  string
		want time.Time // zero: never
	}{
		{`1795249048058`, at},
		{`1795249048058.0`, at},
		{`1.795249048058e12`, at},
		{`"1795249048058"`, at},
		{`" 1795249048058 "`, at},
		{`0`, time.UnixMilli(0).UTC()},
		{`""`, time.UnixMilli(0).UTC()},
		{`-5`, time.UnixMilli(0).UTC()},
		{`1795249048`, time.UnixMilli(1795249048).UTC()}, // seconds: long past
		{`null`, time.Time{}},
		{``, time.Time{}},
		{`"soon"`, time.Time{}},
		{`{}`, time.Time{}},
		{`1e400`, time.Time{}},
		{`9e18`, time.Time{}},
	}
	for _, tt := range tests {
		text := inner(`"accessToken":"FAKE-a","scopes":["user:inference"]`)
		if tt.raw != "" {
			text = inner(`"accessToken":"FAKE-a","expiresAt":` + tt.raw)
		}
		e, err := parseEntry([]byte(text), "file")
		if err != nil {
			t.Fatalf("%s: %v", tt.raw, err)
		}
		if !e.Login.AccessEnds.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.raw, e.Login.AccessEnds, tt.want)
		}
	}
}

func TestEntryDecodesTheLogin(t *testing.T) {
	e, err := parseEntry(
		[]byte(
			login(
				`,"refreshTokenExpiresAt":1797812248058,"subscriptionType":"max","rateLimitTier":"default_claude_max_5x","accountUuid":"acc","organizationUuid":"org","subscriptionTypeSource":"sign_in","clientId":"c"`)),
		"file")
	if err != nil {
		t.Fatal(err)
	}
	l := e.Login
	if l.Access.Reveal() != "sk-ant-oat01-FAKE-a1" || l.Refresh.Reveal() != "sk-ant-ort01-FAKE-r1" ||
		l.LoginEnds.UnixMilli() != 1797812248058 ||
		!reflect.DeepEqual(l.Scopes, []string{"user:profile", "user:inference"}) ||
		l.Account != (keychain.Account{ID: "acc", OrganizationID: "org", Plan: "max",
			RateLimitTier: "default_claude_max_5x"}) {
		t.Errorf("login = %+v", l)
	}
	if len(l.Unknown) != 2 || l.Unknown["clientId"].Reveal() != `"c"` {
		t.Errorf("unknown = %v", l.Unknown)
	}
	if e, _ = parseEntry([]byte(inner(`"accessToken":"FAKE-a","scopes":"user:profile  user:inference"`)),
		"file"); len(e.Login.Scopes) != 2 {
		t.Errorf("scopes as text: %v", e.Login.Scopes)
	}
}

func TestEntryPrintsNoSecret(t *testing.T) {
	e, err := parseEntry([]byte(`{"mcpOAuth":{"t":"FAKE-mcp"},`+login("")[1:]), "file")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		if out := fmt.Sprintf(verb, e); strings.Contains(out, "FAKE") ||
			strings.Contains(out, fmt.Sprintf("%x", "FAKE")) {
			t.Errorf("%s prints a secret", verb)
		}
	}
	if out, _ := json.Marshal(e); bytes.Contains(out, []byte("FAKE")) {
		t.Errorf("JSON prints a secret: %s", out)
	}
}

func merged(t *testing.T, before string, ch Change) string {
	t.Helper()
	var e Entry
	if before != "" {
		var err error
		if e, err = parseEntry([]byte(before), "file"); err != nil {
			t.Fatal(err)
		}
	}
	after, _, err := e.merge(ch)
	if err != nil {
		t.Fatal(err)
	}
	return string(after.encoded())
}

func fakeLogin(n string) keychain.Credential {
	return keychain.Credential{
		Access: secret.New("sk-ant-oat01-FAKE-" + n), Refresh: secret.New("sk-ant-ort01-FAKE-" + n),
		AccessEnds: time.UnixMilli(1800000000000), LoginEnds: time.UnixMilli(1802000000000),
		Scopes:  []string{"user:profile", "user:inference"},
		Account: keychain.Account{ID: "acc", OrganizationID: "org", Plan: "max", RateLimitTier: "tier"},
	}
}

const fullLogin = `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-n","refreshToken":"sk-ant-ort01-FAKE-n","expiresAt":1800000000000,"refreshTokenExpiresAt":1802000000000,"scopes":["user:profile","user:inference"],"subscriptionType":"max","rateLimitTier":"tier","accountUuid":"acc","organizationUuid":"org"}}`

func TestMerge(t *testing.T) {
	full := fakeLogin("n")
	bare := keychain.Credential{Access: full.Access, Refresh: full.Refresh, AccessEnds: full.AccessEnds}
	other := full
	other.Account = keychain.Account{ID: "other", OrganizationID: "org2"}
	withUnknown := full
	withUnknown.Unknown = map[string]secret.String{"ours": secret.New(`1`)}
	longLived := full
	longLived.Refresh, longLived.LoginEnds, longLived.Account = secret.String{}, time.Time{}, keychain.Account{
		ID: "acc"}
	estimated := full
	estimated.LoginEndsEstimated = true
	endless := full
	endless.AccessEnds = time.Time{}

	const old = `{"mcpOAuth":{"a":{"n":123456789012345678901234567890}},"claudeAiOauth":{"accessToken":"FAKE-o","refreshToken":"FAKE-or","expiresAt":1,"refreshTokenExpiresAt":5,"scopes":["user:inference"],"subscriptionType":"pro","subscriptionTypeSource":"sign_in","rateLimitTier":"t0","accountUuid":"acc","organizationUuid":"org","x":[1, 2.50]},"organizationUuid":"org","z":"é"}`
	const renewed = `{"mcpOAuth":{"a":{"n":123456789012345678901234567890}},"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-n","refreshToken":"sk-ant-ort01-FAKE-n","expiresAt":1800000000000,"refreshTokenExpiresAt":%s,"scopes":%s,"subscriptionType":"%s","subscriptionTypeSource":"sign_in","rateLimitTier":"%s","accountUuid":"acc","organizationUuid":"org","x":[1,2.50]},"organizationUuid":"org","z":"\u00e9"}`
	both := `["user:profile","user:inference"]`

	tests := map[string]struct {
		before string
		change Change
		want   string
	}{
		"into nothing":           {"", Change{SignIn: &full, NewLogin: true}, fullLogin},
		"into an empty object":   {"{ }", Change{SignIn: &full, NewLogin: true}, fullLogin},
		"our own keys stay ours": {"", Change{SignIn: &withUnknown, NewLogin: true}, fullLogin},
		"renewal": {old, Change{SignIn: &full},
			fmt.Sprintf(renewed, "1802000000000", both, "max", "tier")},
		"renewal that knows least": {old, Change{SignIn: &bare},
			fmt.Sprintf(renewed, "5", `["user:inference"]`, "pro", "t0")},
		"renewal with a guess": {old, Change{SignIn: &estimated}, fmt.Sprintf(renewed, "5", both, "max", "tier")},
		"another login by its ids": {old, Change{SignIn: &other},
			`{"mcpOAuth":{"a":{"n":123456789012345678901234567890}},"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-n","refreshToken":"sk-ant-ort01-FAKE-n","expiresAt":1800000000000,"refreshTokenExpiresAt":1802000000000,"scopes":["user:profile","user:inference"],"accountUuid":"other","organizationUuid":"org2"},"z":"\u00e9"}`},
		"a new login, whose before is not known": {
			`{"claudeAiOauth":{"accessToken":"FAKE-o","subscriptionType":"pro","x":1},"organizationUuid":"o"}`,
			Change{SignIn: &full, NewLogin: true}, fullLogin},
		"a new long-lived login of the same account takes no refresh token over": {old,
			Change{SignIn: &longLived, NewLogin: true},
			`{"mcpOAuth":{"a":{"n":123456789012345678901234567890}},"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-n","expiresAt":1800000000000,"scopes":["user:profile","user:inference"],"subscriptionType":"pro","rateLimitTier":"t0","accountUuid":"acc","organizationUuid":"org"},"organizationUuid":"org","z":"\u00e9"}`},
		"a new token without an end does not keep the old one's": {inner(`"accessToken":"FAKE-o","expiresAt":1`),
			Change{SignIn: &endless},
			strings.Replace(fullLogin, `"expiresAt":1800000000000,`, "", 1)},
		"the same values in another spelling": {
			strings.Replace(fullLogin, `1800000000000`, `1.8e12`, 1), Change{SignIn: &full},
			strings.Replace(fullLogin, `1800000000000`, `1.8e12`, 1)},
		"an end as text becomes a number": {strings.Replace(fullLogin, `1800000000000`, `"1800000000000"`, 1),
			Change{SignIn: &full}, fullLogin},
		"scopes as text become a list": {strings.Replace(fullLogin, both, `"user:profile user:inference"`, 1),
			Change{SignIn: &full}, fullLogin},
		"sign out": {old, Change{SignOut: true},
			`{"mcpOAuth":{"a":{"n":123456789012345678901234567890}},"z":"\u00e9"}`},
		"sign out of the last": {fullLogin, Change{SignOut: true}, `{}`},
		"nothing":              {`{ "a" : 1 }`, Change{}, `{"a":1}`},
		"put back": {`{"z":1,"claudeAiOauth":{"accessToken":"FAKE-x"}}`,
			Change{Restore: secret.New(`{"accessToken":"FAKE-o","x":[1, 2.50]}`),
				RestoreOrganization: secret.New(`"org"`)},
			`{"z":1,"claudeAiOauth":{"accessToken":"FAKE-o","x":[1,2.50]},"organizationUuid":"org"}`},
		"astral and control characters": {"{\"k\u007f😀\":\"\U0001F600\\ud800 é\"}",
			Change{SignIn: &full, NewLogin: true},
			`{"k\u007f\ud83d\ude00":"\ud83d\ude00\ud800 \u00e9",` + fullLogin[1:]},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := merged(t, tt.before, tt.change); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestMergeRefuses(t *testing.T) {
	noScope := fakeLogin("n")
	noScope.Scopes = []string{"user:profile"}
	noToken := fakeLogin("n")
	noToken.Access = secret.String{}
	for name, ch := range map[string]Change{
		"a new login that the client would not take": {SignIn: &noScope, NewLogin: true},
		"no access token":        {SignIn: &noToken},
		"put back what is none":  {Restore: secret.New(`[]`)},
		"put back a broken text": {Restore: secret.New(`{"a":`)},
	} {
		if _, _, err := (Entry{}).merge(ch); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDiffMasks(t *testing.T) {
	e, err := parseEntry(
		[]byte(
			`{"organizationUuid":"o","mcpOAuth":{"t":"FAKE-mcp"},"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-a1","expiresAt":1795249048058,"x":"FAKE-x","scopes":["user:inference"]}}`),
		"file")
	if err != nil {
		t.Fatal(err)
	}
	c := fakeLogin("n")
	changes, err := (&Directory{}).Diff(e, Change{SignIn: &c, NewLogin: true})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%q", changes)
	want := `[{"claudeAiOauth.accessToken" "sk-ant-oat01-…" "sk-ant-oat01-…"} {"claudeAiOauth.expiresAt" "2026-11-21T08:17:28Z" "2027-01-15T08:00:00Z"} {"claudeAiOauth.x" "…" ""} {"claudeAiOauth.scopes" "[\"user:inference\"]" "[\"user:profile\",\"user:inference\"]"} {"claudeAiOauth.refreshToken" "" "sk-ant-ort01-…"} {"claudeAiOauth.refreshTokenExpiresAt" "" "2027-02-07T11:33:20Z"} {"claudeAiOauth.subscriptionType" "" "\"max\""} {"claudeAiOauth.rateLimitTier" "" "\"tier\""} {"claudeAiOauth.accountUuid" "" "…"} {"claudeAiOauth.organizationUuid" "" "…"} {"organizationUuid" "…" ""}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if same, err := (&Directory{}).Diff(e, Change{}); err != nil || same != nil {
		t.Errorf("no change: %v %v", same, err)
	}
}

// anyJSON draws a JSON value, spelled as others might spell it.
func anyJSON(t *rapid.T, depth int) string {
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false", "-0.0", "1E+2", "12345678901234567890123",
			"1.10"}).Draw(t, "word")
	case 1:
		return fmt.Sprint(rapid.Int64().Draw(t, "number"))
	case 2, 3:
		return anyString(t)
	case 4:
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, anyJSON(t, depth-1))
		}
		return "[ " + strings.Join(items, " ,") + "]"
	}
	var items []string
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		items = append(items, anyString(t)+": "+anyJSON(t, depth-1))
	}
	return "{" + strings.Join(items, ",\n\t") + "}"
}

func anyString(t *rapid.T) string {
	s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z\\"/<>&😀é\x7f,:{}\[\]]{0,6}`)).Draw(t, "text")
	raw, _ := json.Marshal(s)
	if rapid.Bool().Draw(t, "plain") {
		raw = bytes.ReplaceAll(raw, []byte(`\u003c`), []byte("<"))
	}
	return string(raw)
}

// plain decodes for comparison, numbers exactly.
func plain(t interface{ Fatalf(string, ...any) }, text []byte) map[string]any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

func TestMergeKeepsWhatIsNotOurs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var siblings, inners []string
		for i := range rapid.IntRange(0, 4).Draw(t, "siblings") {
			siblings = append(siblings, fmt.Sprintf(`"s%d": %s`, i, anyJSON(t, 3)))
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "inner") {
			inners = append(inners, fmt.Sprintf(`"u%d": %s`, i, anyJSON(t, 2)))
		}
		inners = append(inners, `"accessToken":"FAKE-o"`, `"accountUuid":"acc"`)
		siblings = append(siblings, `"claudeAiOauth" : {`+strings.Join(inners, ", ")+`}`)
		before := []byte("{" + strings.Join(siblings, " , ") + "}\r\n")

		c := fakeLogin(rapid.StringMatching(`[a-z]{1,5}`).Draw(t, "token"))
		e, err := parseEntry(before, "file")
		if err != nil {
			t.Fatalf("%v: %q", err, before)
		}
		object, _, err := e.merge(Change{SignIn: &c})
		if err != nil {
			t.Fatal(err)
		}
		after := object.encoded()

		was, is := plain(t, before), plain(t, after)
		login := is["claudeAiOauth"].(map[string]any)
		for key, value := range was["claudeAiOauth"].(map[string]any) {
			if strings.HasPrefix(key, "u") && !reflect.DeepEqual(login[key], value) {
				t.Fatalf("inner %s: %v became %v", key, value, login[key])
			}
		}
		delete(was, "claudeAiOauth")
		delete(is, "claudeAiOauth")
		if !reflect.DeepEqual(was, is) {
			t.Fatalf("siblings %v became %v", was, is)
		}
		checkWritten(t, after)

		again, err := parseEntry(after, "file")
		if err != nil {
			t.Fatal(err)
		}
		if _, changed, err := again.merge(Change{SignIn: &c}); changed || err != nil {
			t.Fatalf("not idempotent: %v", err)
		}
	})
}

// checkWritten holds what every text we write must be: compact printable ASCII.
func checkWritten(t interface{ Fatalf(string, ...any) }, text []byte) {
	for i, c := range text {
		if c < 0x20 || c > 0x7e {
			t.Fatalf("byte %#x at %d", c, i)
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil || !bytes.Equal(compact.Bytes(), text) {
		t.Fatalf("not compact JSON: %v %q", err, text)
	}
}

func FuzzMerge(f *testing.F) {
	for _, seed := range []string{login(""), fullLogin, `{"a":{"b":[1,"x:y,}"]},"claudeAiOauth":{}}`, "{}",
		"\xef\xbb\xbf{}", "{\"\\ud800\":\"\u007f\"}", `{"":"\\\""}`, `{"":{"accessToken":"sk-ant-oat"}}`} {
		f.Add([]byte(seed))
	}
	c := fakeLogin("n")
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseEntry(data, "file")
		if moved := new(UnusableError); errors.Is(err, keychain.ErrDamaged) || errors.As(err, &moved) {
			return // not a word of it is written
		} else if err != nil {
			t.Fatal(err)
		}
		for _, ch := range []Change{{SignIn: &c, NewLogin: true}, {SignIn: &c}, {SignOut: true}} {
			after, _, err := e.merge(ch)
			if err != nil {
				t.Fatal(err)
			}
			text := after.encoded()
			checkWritten(t, text)
			was, is := plain(t, data), plain(t, text)
			for _, key := range append([]string{"claudeAiOauth"}, boundKeys...) {
				delete(was, key)
				delete(is, key)
			}
			if !reflect.DeepEqual(was, is) {
				t.Fatalf("siblings %v became %v", was, is)
			}
			if _, err := e.diff(ch); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestMergeIsLinear(t *testing.T) {
	var big1 strings.Builder
	big1.WriteString(`{"claudeAiOauth":{"accessToken":"FAKE-o"}`)
	for i := range 60000 {
		fmt.Fprintf(&big1, `,"%d":[{}]`, i)
	}
	big1.WriteString("}")
	start := testguard.Start()
	c := fakeLogin("n")
	merged(t, big1.String(), Change{SignIn: &c})
	start.Within(t, 5*time.Second, "it") // a square would take minutes
	if got := plain(t, []byte(merged(t, `{"n":`+new(big.Int).Exp(big.NewInt(10), big.NewInt(300), nil).String()+`}`,
		Change{SignIn: &c, NewLogin: true})))["n"].(json.Number); len(got) != 301 {
		t.Errorf("a big number became %s", got)
	}
}
