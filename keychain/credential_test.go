package keychain

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"keytender/internal/secret"
)

func sample() Credential {
	return Credential{
		Access: secret.New("sk-ant-oat01-FAKE-a"), Refresh: secret.New("sk-ant-ort01-FAKE-r"),
		AccessEnds: time.UnixMilli(1795249048058).UTC(), LoginEnds: time.UnixMilli(1797812248058).UTC(),
		LoginEndsEstimated: true,
		Scopes:             []string{"user:profile", "user:inference"},
		Account: Account{Email: "a@example.com", ID: "uuid-a", OrganizationID: "uuid-o",
			Organization: `Größe "&<>" ` + "\u2028", Plan: "max", RateLimitTier: "default_claude_max_5x"},
		Issued: time.UnixMilli(1795220248058).UTC(), Lifetime: 8 * time.Hour, Method: "browser",
		Unknown: map[string]secret.String{"later": secret.New(`{"a":[1,2.50,null]}`)},
	}
}

func TestCredentialRoundTrip(t *testing.T) {
	for name, c := range map[string]Credential{
		"everything":    sample(),
		"a token alone": {Access: secret.New("sk-ant-oat01-FAKE-a")},
		"no refresh": {Access: secret.New("sk-ant-oat01-FAKE-a"), AccessEnds: time.UnixMilli(1).UTC(),
			Scopes: []string{"user:inference"}},
		"before 1970":    {Access: secret.New("sk-ant-oat01-FAKE-a"), AccessEnds: time.UnixMilli(-5000).UTC()},
		"the year 9999":  {Access: secret.New("sk-ant-oat01-FAKE-a"), LoginEnds: time.UnixMilli(253402300799000).UTC()},
		"odd characters": {Access: secret.New("sk-ant-oat01-FAKE-\"\\<>&"), Refresh: secret.New("FAKE \u2028 é")},
	} {
		text, err := c.Encode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.ContainsAny(text.Reveal(), "\n\r") {
			t.Errorf("%s: it is more than one line", name)
		}
		back, err := DecodeCredential(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !back.SamePair(c) {
			t.Errorf("%s: the pair is another one", name)
		}
		again, err := back.Encode()
		if err != nil || !again.Equal(text) {
			t.Errorf("%s: written again it differs (%v)", name, err)
		}
		c.Access, c.Refresh, back.Access, back.Refresh = secret.String{}, secret.String{}, secret.String{},
			secret.String{}
		if !reflect.DeepEqual(back, c) {
			t.Errorf("%s:\n%+v\n%+v", name, back, c)
		}
	}
	// A login with everything in it fits where the smallest keychain ends.
	c := sample()
	c.Access, c.Refresh = secret.New(strings.Repeat("a", 500)), secret.New(strings.Repeat("r", 500))
	if text, _ := c.Encode(); len(text.Reveal()) > maxRecord {
		t.Errorf("a login of usual size has %d bytes", len(text.Reveal()))
	}
}

func TestUnknownNeverReplacesKnown(t *testing.T) {
	c := sample()
	c.Unknown["access"] = secret.New(`"sk-ant-oat01-FAKE-other"`)
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeCredential(text)
	if err != nil || !back.Access.Equal(c.Access) {
		t.Errorf("%v", err)
	}
	c.Unknown = map[string]secret.String{"bad": secret.New(`{`)}
	if _, err := c.Encode(); err == nil {
		t.Error("rubbish was encoded")
	}
}

func TestDecodeCredentialRefuses(t *testing.T) {
	for _, text := range []string{
		``, ` `, `null`, `[]`, `7`, `"text"`, `{`, `{}`, `{"type":"oauth"}`, `{"type":"oauth","access":""}`,
		`{"type":"oauth","access":7}`,
		`{"access":"FAKE"}`, `{"type":"api","access":"FAKE"}`, `{"type":"oauth","access":"FAKE","expires":"soon"}`,
		`{"type":"oauth","access":"FAKE","expires":1.5}`, `{"type":"oauth","access":"FAKE","scopes":"user:inference"}`,
		`{"type":"oauth","access":"FAKE"} {"type":"oauth"}`, `{"type":"oauth","access":"FAKE"}x`,
		"\xef\xbb\xbf" + `{"type":"oauth","access":"FAKE"}`,
		`{"type":"oauth","access":"FAKE"`,
	} {
		_, err := DecodeCredential(secret.New(text))
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "FAKE") {
			t.Errorf("the error shows the text: %v", err)
		}
	}
	for _, expires := range []string{"9223372036854775807", "-9223372036854775808", "253402300799001", "0"} {
		c, err := DecodeCredential(secret.New(`{"type":"oauth","access":"FAKE","expires":` + expires + `,"lifetime":` +
			expires + `,"issued":` + expires + `}`))
		if err != nil || !c.AccessEnds.IsZero() || c.Lifetime < 0 {
			t.Errorf("%s: %v, lifetime %v, %v", expires, c.AccessEnds, c.Lifetime, err)
		}
	}
}

func TestAccountNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"default": true, "a": true, "Work_2": true, "a.b": true, "a-b.c": true, strings.Repeat("a", 63): true,
		"_a": true,
		"":   false, "-a": false, ".a": false, "a.": false, "a..b": false, "a/b": false, `a\b`: false, "a b": false,
		"a:b": false, "ä": false,
		strings.Repeat("a", 64): false, "..": false, "a\n": false, "a\x00": false,
	} {
		if err := CheckAccountName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
		if record := RecordName(name, "part"); CheckAccountName(record) == nil {
			t.Errorf("%q could be an account's name", record)
		}
	}
}
