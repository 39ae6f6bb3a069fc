package claudecode

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keytender/internal/dirlock"
	"keytender/internal/secret"
	"keytender/keychain"
)

var ann = Identity{AccountID: "acc", Email: "ann@example.com", OrganizationID: "org"}

const (
	annIndented = `{
    "accountUuid": "acc",
    "emailAddress": "ann@example.com",
    "organizationUuid": "org"
  }`
	annCompact = `{"accountUuid":"acc","emailAddress":"ann@example.com","organizationUuid":"org"}`
)

func TestIdentityIsCutOutOfTheStateFile(t *testing.T) {
	const old = `{"accountUuid":"old","displayName":"Ö","profileFetchedAt":1}`
	own := ann
	own.Whole = secret.New(`{"accountUuid":"acc", "displayName":"Ann","n":1.50}`)
	theirs := ann
	theirs.Whole = secret.New(`{"accountUuid":"somebody"}`)
	broken := ann
	broken.Whole = secret.New(`{"accountUuid":`)
	bare := Identity{AccountID: "acc"}
	odd := Identity{AccountID: "acc", Email: "no e-mail"}
	tests := map[string]struct {
		before string
		id     Identity
		want   string // "" is left alone
	}{
		"as the client writes": {
			"{\n  \"a\": 1.50,\n  \"oauthAccount\": {\n    \"accountUuid\": \"old\"\n  },\n  \"z\": [\n    \"é\"\n  ]\n}\n",
			ann,
			"{\n  \"a\": 1.50,\n  \"oauthAccount\": " + annIndented + ",\n  \"z\": [\n    \"é\"\n  ]\n}\n"},
		"compact": {`{"a":1,"oauthAccount":` + old + `,"z":2}`, ann,
			`{"a":1,"oauthAccount":` + annCompact + `,"z":2}`},
		"last": {`{"oauthAccount":` + old + `}`, ann, `{"oauthAccount":` + annCompact + `}`},
		"odd blanks": {`{ "a" : 1 , "oauthAccount" : ` + old + ` }`, ann,
			`{ "a" : 1 , "oauthAccount" : ` + annCompact + ` }`},
		"tabs and carriage returns": {"{\r\n\t\"oauthAccount\": null\r\n}", bare,
			"{\r\n\t\"oauthAccount\": {\n\t\t\"accountUuid\": \"acc\"\n\t}\r\n}"},
		"none yet": {"{\n  \"a\": 1\n}", ann,
			"{\n  \"a\": 1,\n  \"oauthAccount\": " + annIndented + "\n}"},
		"none yet, compact": {`{"a":1}`, ann, `{"a":1,"oauthAccount":` + annCompact + `}`},
		"nothing at all":    {`{}`, ann, `{"oauthAccount":` + annCompact + `}`},
		"no object":         {`{"oauthAccount":"x"}`, ann, `{"oauthAccount":` + annCompact + `}`},
		"a number": {`{"oauthAccount":12 ,"z":1}`, ann,
			`{"oauthAccount":` + annCompact + ` ,"z":1}`},
		"the same account": {`{"oauthAccount":{"accountUuid":"acc","organizationUuid":"org","x":1}}`, ann,
			""},
		"its organisation not known": {`{"oauthAccount":{"accountUuid":"acc"}}`, ann, ""},
		"another organisation": {`{"oauthAccount":{"accountUuid":"acc","organizationUuid":"org2"}}`, ann,
			`{"oauthAccount":` + annCompact + `}`},
		"the client's own": {`{"oauthAccount":` + old + `}`, own,
			`{"oauthAccount":{"accountUuid":"acc","displayName":"Ann","n":1.50}}`},
		"the client's, of another": {`{"oauthAccount":` + old + `}`, theirs, `{"oauthAccount":` + annCompact + `}`},
		"the client's, broken":     {`{"oauthAccount":` + old + `}`, broken, `{"oauthAccount":` + annCompact + `}`},
		"nothing but the id":       {`{"oauthAccount":` + old + `}`, bare, `{"oauthAccount":{"accountUuid":"acc"}}`},
		"an e-mail that is none":   {`{"oauthAccount":` + old + `}`, odd, `{"oauthAccount":{"accountUuid":"acc"}}`},
		"a name like it further down": {`{"p":{"oauthAccount":{"accountUuid":"x"}},"oauthAccount":` + old + `}`, ann,
			`{"p":{"oauthAccount":{"accountUuid":"x"}},"oauthAccount":` + annCompact + `}`},
		"its name with an escape": {`{"oauth\u0041ccount":` + old + `}`, ann,
			`{"oauth\u0041ccount":` + annCompact + `}`},
		"another spelling": {`{"OauthAccount":1}`, bare,
			`{"OauthAccount":1,"oauthAccount":{"accountUuid":"acc"}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := withIdentity([]byte(tt.before), tt.id)
			if err != nil || string(got) != tt.want {
				t.Errorf("%v\ngot  %s\nwant %s", err, got, tt.want)
			}
		})
	}
	for _, damaged := range []string{"", "[]", "{", `{"a":1} x`, "\xef\xbb\xbf{}", "null",
		`{"oauthAccount":{},"oauthAccount":{}}`} {
		if got, err := withIdentity([]byte(damaged), ann); !errors.Is(err, keychain.ErrDamaged) || got != nil {
			t.Errorf("%q: %s, %v", damaged, got, err)
		}
	}
}

func TestIdentityReadsTheStateFile(t *testing.T) {
	const whole = `{"accountUuid":"acc","emailAddress":"ann@example.com","organizationUuid":"org", "x":1}`
	full := ann
	full.Whole = secret.New(whole)
	tests := map[string]struct {
		file  string
		want  Identity
		known bool
	}{
		"whole":            {`{"oauthAccount": ` + whole + `}`, full, true},
		"none":             {`{}`, Identity{}, false},
		"no file":          {"", Identity{}, false},
		"no account":       {`{"oauthAccount":{"emailAddress":"ann@example.com"}}`, Identity{}, false},
		"an id of no text": {`{"oauthAccount":{"accountUuid":7}}`, Identity{}, false},
		"an implausible one": {`{"oauthAccount":{"accountUuid":"acc","emailAddress":"<b>@example.com"}}`,
			Identity{AccountID: "acc", Whole: secret.New(`{"accountUuid":"acc","emailAddress":"<b>@example.com"}`)},
			true},
	}
	for name, tt := range tests {
		c, home := homeEntry(t)
		if tt.file != "" {
			mustWrite(t, home+"/.claude.json", tt.file)
		}
		id, known := c.Identity()
		if known != tt.known || (known && !reflect.DeepEqual(id, tt.want)) {
			t.Errorf("%s: %+v, %v", name, id, known)
		}
	}
}

func TestSetIdentity(t *testing.T) {
	c, home := homeEntry(t)
	path := home + "/.claude.json"
	if err := c.SetIdentity(t.Context(), ann); err != nil || len(names(t, home)) != 0 {
		t.Errorf("without a file: %v, %v", err, names(t, home))
	}
	mustWrite(t, path, `{"oauthAccount":{"accountUuid":"old"}}`)
	_ = os.Chmod(path, 0o640)
	if err := c.SetIdentity(t.Context(), Identity{Email: "ann@example.com"}); err != nil ||
		!strings.Contains(mustRead(t, path), "old") {
		t.Errorf("nobody known: %v", err)
	}

	lock := path + ".lock"
	makeLock(t, lock, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.SetIdentity(ctx, ann); !errors.Is(err, dirlock.ErrBusy) || !strings.Contains(mustRead(t, path), "old") {
		t.Errorf("while the client writes: %v", err)
	}
	stale := time.Now().Add(-11 * time.Second)
	_ = os.Chtimes(lock, stale, stale)
	if err := c.SetIdentity(t.Context(), ann); err != nil {
		t.Errorf("with a lock that was left behind: %v", err)
	}
	if got := mustRead(t, path); got != `{"oauthAccount":`+annCompact+`}` {
		t.Errorf("got %s", got)
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("its mode became %v", info.Mode())
	}
	before, _ := os.Stat(path)
	makeLock(t, lock, 0) // nobody is waited for when nothing is to be done
	if err := c.SetIdentity(t.Context(), ann); err != nil {
		t.Error(err)
	}
	_ = os.Remove(lock)
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("the same identity was written anew")
	}
	mustWrite(t, path, `{"oauthAccount":`)
	if err := c.SetIdentity(t.Context(), ann); !errors.Is(err, keychain.ErrDamaged) ||
		mustRead(t, path) != `{"oauthAccount":` {
		t.Errorf("damage: %v", err)
	}
	if got := names(t, home); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}

	mustWrite(t, home+"/real.json", `{}`)
	_ = os.Remove(path)
	if err := symlink("real.json", path); err != nil {
		t.Skip(err)
	}
	if err := c.SetIdentity(t.Context(), ann); err != nil || !strings.Contains(mustRead(t, home+"/real.json"), "ann@") {
		t.Errorf("through a link: %v", err)
	}
	if info, _ := os.Lstat(path); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
}

// Whatever the file holds: what is written says who is signed in and nothing else new, and
// every byte around it stays.
func FuzzIdentity(f *testing.F) {
	for _, seed := range []string{
		"{}", `{"a":1}`, "{\n  \"oauthAccount\": {\n    \"accountUuid\": \"old\"\n  },\n  \"z\": \"\\ud800\"\n}\n",
		`{"oauthAccount":null}`, `{"oauthAccount":1e5 }`,
		"{\r\n\t\"a\":[]}", `{"oauthAccount":{"accountUuid":"acc","organizationUuid":"o2"}}`, "{ \"\xff\": \"\xfe\" }",
		`{"oauthAccount":{},"oauthAccount":{}}`, "[]", "",
	} {
		f.Add([]byte(seed), "acc", "ann@example.com", "org")
	}
	f.Add([]byte("{}"), "\xca", "", "\x8b") // valid only side by side
	f.Fuzz(func(t *testing.T, data []byte, account, email, organization string) {
		id := Identity{AccountID: account, Email: email, OrganizationID: organization}
		after, err := withIdentity(data, id)
		if err != nil {
			if !errors.Is(err, keychain.ErrDamaged) || after != nil {
				t.Fatal(err)
			}
			return
		}
		if after == nil || account == "" {
			return // it names this person already, or there is none
		}
		s, err := parseState(after)
		if err != nil {
			t.Fatalf("%v: %q", err, after)
		}
		if again, err := withIdentity(after, id); (err != nil || again != nil) && utf8.ValidString(account) &&
			utf8.ValidString(organization) {
			t.Fatalf("not settled: %v: %q, then %q", err, after, again)
		}
		o, err := parseState(data)
		if err != nil {
			t.Fatal(err)
		}
		begin, rest := data[:o.last], data[o.last:]
		if o.to != 0 {
			begin, rest = data[:o.from], data[o.to:]
		}
		if !bytes.HasPrefix(after[:s.from], begin) || !bytes.Equal(after[s.to:], rest) {
			t.Fatalf("%q became %q", data, after)
		}
		was, is := plain(t, data), plain(t, after)
		delete(was, identityKey)
		delete(is, identityKey)
		if !reflect.DeepEqual(was, is) {
			t.Fatalf("%v became %v", was, is)
		}
	})
}
