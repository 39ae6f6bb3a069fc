package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"keytender/callback"
	"keytender/internal/oauth"
	"keytender/internal/secret"
	"keytender/internal/testguard"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

const text = "sk-ant-oat01-FAKE-abcdefghijklmnopqrstuvwxyz56789"

// holders are all exported types of ours with a secret in them, each filled.
func holders(t *testing.T) map[string]any {
	hidden := secret.New(text)
	attempt, err := oauth.NewAttempt(oauth.AttemptConfig{AuthorizeURL: "https://a.example/", ClientID: "c",
		PasteRedirect: "https://a.example/paste"})
	if err != nil {
		t.Fatal(err)
	}
	raw := secret.New(`{"accessToken":"` + text + `"}`)
	login := keychain.Credential{Access: hidden, Refresh: hidden, Unknown: map[string]secret.String{"k": raw}}
	entry, err := claudecode.DecodeEntry([]byte(`{"mcpOAuth":{"t":"` + text + `"},"claudeAiOauth":{"accessToken":"` +
		text + `","other":"` + text + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"secret.String":         hidden,
		"callback.Redirect":     callback.Redirect{Code: hidden},
		"oauth.Grant":           oauth.Grant{Access: hidden, Refresh: hidden},
		"oauth.Pasted":          oauth.Pasted{Code: hidden},
		"oauth.ExchangeRequest": oauth.ExchangeRequest{Code: hidden, Verifier: hidden},
		"oauth.Attempt":         attempt,
		"keychain.Credential":   login,
		"claudecode.Entry":      entry,
		"claudecode.Change": claudecode.Change{SignIn: &login, Restore: entry.Inner(), RestoreOrganization: raw,
			Bound: raw},
		"claudecode.Identity": claudecode.Identity{AccountID: "acc", Whole: raw},
	}
}

// TestFormattingShowsNothing formats every holder in every way there is, as it
// is, behind a pointer, and deep within something else.
func TestFormattingShowsNothing(t *testing.T) {
	for name, holder := range holders(t) {
		wanted := []string{text}
		if attempt, ok := holder.(*oauth.Attempt); ok {
			wanted = []string{attempt.Verifier().Reveal()}
		}
		for _, v := range []any{holder, &holder, []any{holder}, map[string]any{"k": holder}, struct{ X any }{holder},
			fmt.Errorf("e: %v", holder)} {
			for way, printed := range everyWay(v) {
				for _, w := range wanted {
					for _, form := range []string{w, hex.EncodeToString([]byte(w)),
						base64.StdEncoding.EncodeToString([]byte(w))[:40], fmt.Sprint([]byte(w))[1:40], w[20:40]} {
						if strings.Contains(strings.ToLower(printed), strings.ToLower(form)) {
							t.Errorf("%s (%T) by %s shows %s", name, v, way, printed)
						}
					}
				}
			}
		}
	}
}

func everyWay(v any) map[string]string {
	ways := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%c", "%U", "%t", "%e",
		"%b", "%T", "%10.3s", "%-30v", "%+q", "%#x", "%w"} {
		ways[verb] = fmt.Sprintf(verb, v)
	}
	ways["Sprint"] = fmt.Sprint(v, v)
	ways["Sprintln"] = fmt.Sprintln(v)
	b, err := json.Marshal(v)
	ways["json"] = fmt.Sprint(string(b), err)
	b, err = xml.Marshal(v)
	ways["xml"] = fmt.Sprint(string(b), err)
	var g bytes.Buffer
	err = gob.NewEncoder(&g).Encode(v)
	ways["gob"] = fmt.Sprint(g.String(), err)
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Error("m", "v", v, slog.Group("g", "v", v))
	}
	ways["slog"] = log.String()
	func() {
		defer func() { ways["panic"] = fmt.Sprint(recover()) }()
		panic(v)
	}()
	ways["errors.Join"] = fmt.Sprint(errors.Join(fmt.Errorf("%v", v)))
	return ways
}

// TestHoldersAreComplete reads the sources for exported types with a field of the
// secret type, so that no new one is forgotten above.
func TestHoldersAreComplete(t *testing.T) {
	known := holders(t)
	for pkg, dir := range map[string]string{
		"callback": "../../callback", "keychain": "../../keychain", "claudecode": "../../keychain/claudecode",
		"oauth": "../oauth", "session": "../session", "tray": "../../tray", "config": "../config",
	} {
		files := token.NewFileSet()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !isSource(entry) {
				continue
			}
			file, err := parser.ParseFile(files, dir+"/"+entry.Name(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok || !spec.Name.IsExported() {
					return true
				}
				fields, ok := spec.Type.(*ast.StructType)
				if ok && slices.ContainsFunc(fields.Fields.List,
					func(f *ast.Field) bool { return isSecret(f) && len(f.Names) > 0 }) {
					if _, listed := known[pkg+"."+spec.Name.Name]; !listed {
						t.Errorf("%s.%s holds a secret and is not among the holders", pkg, spec.Name.Name)
					}
				}
				return true
			})
		}
	}
}

// TestPlainTextIsHidden reads the sources of all that touches tokens for types, ours
// alone too, that hold raw bytes or a text by a telling name: each must embed Hidden, or
// hold a secret.String instead.
func TestPlainTextIsHidden(t *testing.T) {
	// What is neither a secret nor made of one.
	known := map[string]string{
		"callback.Config":       "the state stands in URLs",
		"callback.gate":         "a hash of the state",
		"callback.book":         "pages",
		"claudecode.KeyChange":  "a key's name",
		"claudecode.Directory":  "the path of the state file",
		"claudecode.Location":   "the path of the state file",
		"claudecode.Shell":      "the two ends of a pipe",
		"keychain.wire":         "the greeting of a bus, and the names of what is asked for",
		"oauth.Attempt":         "the state stands in URLs",
		"oauth.Error":           "the code of an error",
		"oauth.ExchangeRequest": "the state stands in URLs",
		"session.Terminal":      "where to read from",
		"session.WhichNote":     "a code",
	}
	seen := map[string]bool{}
	for pkg, dir := range map[string]string{"callback": "../../callback", "keychain": "../../keychain",
		"claudecode": "../../keychain/claudecode", "oauth": "../oauth", "session": "../session"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !isSource(entry) {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+entry.Name(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				fields, ok := spec.Type.(*ast.StructType)
				if !ok || !slices.ContainsFunc(fields.Fields.List, isPlain) {
					return true
				}
				name := pkg + "." + spec.Name.Name
				seen[name] = true
				if known[name] == "" && !slices.ContainsFunc(fields.Fields.List, isHidden) {
					t.Errorf("%s can hold a secret and would print it", name)
				}
				return true
			})
		}
	}
	for name := range known {
		if !seen[name] {
			t.Errorf("%s is excused for nothing", name)
		}
	}
	for _, name := range []string{"keychain.record", "keychain.order", "keychain.reply", "claudecode.member",
		"oauth.request", "session.displacedLogin", "session.apiKeyRecord"} {
		if !seen[name] {
			t.Errorf("%s was not looked at", name)
		}
	}
}

// isPlain finds bytes, readers and headers, and texts whose name says what is in them.
func isPlain(field *ast.Field) bool {
	telling := slices.ContainsFunc(field.Names, func(name *ast.Ident) bool {
		return slices.Contains([]string{"access", "refresh", "token", "code", "verifier", "state", "record", "key",
			"body", "query", "pieces", "whole"}, strings.ToLower(name.Name))
	})
	found := false
	ast.Inspect(field.Type, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType:
			return false
		case *ast.SelectorExpr:
			pkg, _ := n.X.(*ast.Ident)
			switch name := fmt.Sprint(pkg) + "." + n.Sel.Name; name {
			case "json.RawMessage", "http.Header", "bytes.Buffer", "io.Reader":
				found = true
			}
			return false
		case *ast.ArrayType:
			element, ok := n.Elt.(*ast.Ident)
			found = found || ok && element.Name == "byte"
		case *ast.Ident:
			found = found || telling && n.Name == "string"
		}
		return true
	})
	return found
}

func isHidden(field *ast.Field) bool {
	selector, ok := field.Type.(*ast.SelectorExpr)
	if !ok || len(field.Names) > 0 {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && pkg.Name == "secret" && selector.Sel.Name == "Hidden"
}

// TestHidden: whatever embeds it is printed and logged as nothing, and encoded whole.
func TestHidden(t *testing.T) {
	type wire struct {
		secret.Hidden
		Text string `json:"text"`
		raw  []byte
	}
	w := wire{Text: text, raw: []byte(text)}
	for _, v := range []any{w, &w, []any{w}, []wire{w}, map[string]wire{"k": w}, struct{ X wire }{w},
		fmt.Errorf("e: %v", w)} {
		for way, printed := range everyWay(v) {
			if slices.Contains([]string{"json", "xml", "gob", "%w"}, way) || way == "slog" &&
				fmt.Sprintf("%T", v) != "secret_test.wire" {
				// What encodes it is meant to, and slog's JSON encodes what it does not know. A
				// %w that is none asks no method; vet refuses it.
				continue
			}
			for _, form := range []string{text, hex.EncodeToString([]byte(text)), fmt.Sprint([]byte(text))[1:40]} {
				if strings.Contains(strings.ToLower(printed), strings.ToLower(form)) {
					t.Errorf("%T by %s shows %s", v, way, printed)
				}
			}
		}
	}
	if encoded, err := json.Marshal(w); err != nil || string(encoded) != `{"text":"`+text+`"}` {
		t.Errorf("encoded as %s (%v)", encoded, err)
	}
}

func isSource(entry fs.DirEntry) bool {
	return strings.HasSuffix(entry.Name(), ".go") && !strings.HasSuffix(entry.Name(), "_test.go")
}

// isSecret finds the type in a field, also in a list, a map or behind a pointer.
func isSecret(field *ast.Field) bool {
	found := false
	ast.Inspect(field.Type, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if ok {
			pkg, isName := selector.X.(*ast.Ident)
			found = found || isName && pkg.Name == "secret" && selector.Sel.Name == "String"
		}
		_, isFunc := n.(*ast.FuncType) // what a function returns is not in the field
		return !isFunc
	})
	return found
}

func TestString(t *testing.T) {
	s := secret.New(text)
	if s.Reveal() != text || s.IsZero() || !s.Equal(secret.New(text)) || s.Equal(secret.New(text+"x")) ||
		s.Equal(secret.String{}) {
		t.Error("the text is not what went in")
	}
	zero := secret.String{}
	if !secret.New("").IsZero() || zero.Reveal() != "" || !zero.Equal(secret.New("")) || zero.Fingerprint() != "" {
		t.Error("the empty secret is not empty")
	}
	if f := s.Fingerprint(); len(f) != 16 || f != secret.New(text).Fingerprint() ||
		f == secret.New(text+"x").Fingerprint() || strings.Contains(text, f) {
		t.Errorf("fingerprint %q", f)
	}
	// One who compares or uses it as a key compares texts by Equal alone.
	if reflect.DeepEqual(s, secret.New(text+"x")) {
		t.Error("two secrets are taken for one")
	}
}

// TestMasked shows the kind and the last four, and nothing of a short token.
func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "…",
		"short":                             "…",
		"sk-ant-oat01-":                     "sk-ant-oat01-…",
		"sk-ant-oat01-FAKE-a1":              "sk-ant-oat01-…",
		"sk-ant-oat01-1234567890123456789":  "sk-ant-oat01-…",
		"sk-ant-oat01-12345678901234567890": "sk-ant-oat01-…7890",
		"sk-ant-ort01-12345678901234567890": "sk-ant-ort01-…7890",
		"sk-ant-api03-12345678901234567890": "sk-ant-api03-…7890",
		"12345678901234567890":              "…7890",
		"1234567890123456789":               "…",
	} {
		if got := secret.New(in).Masked(); got != want {
			t.Errorf("%q is masked as %q, want %q", in, got, want)
		}
	}
}
