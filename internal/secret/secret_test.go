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
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

const text = "sk-ant-oat01-FAKE-abcdefghijklmnopqrstuvwxyz56789"

// holders are all exported types of ours with a secret in them, each filled.
func holders(t *testing.T) map[string]any {
	hidden := secret.New(text)
	attempt, err := oauth.NewAttempt(oauth.AttemptConfig{AuthorizeURL: "https://a.example/", ClientID: "c", PasteRedirect: "https://a.example/paste"})
	if err != nil {
		t.Fatal(err)
	}
	login := keychain.Credential{Access: hidden, Refresh: hidden}
	return map[string]any{
		"secret.String":         hidden,
		"callback.Answer":       callback.Answer{Code: hidden},
		"oauth.Grant":           oauth.Grant{Access: hidden, Refresh: hidden},
		"oauth.Pasted":          oauth.Pasted{Code: hidden},
		"oauth.ExchangeRequest": oauth.ExchangeRequest{Code: hidden, Verifier: hidden},
		"oauth.Attempt":         attempt,
		"keychain.Credential":   login,
		"keychain.Entry":        keychain.Entry{Login: login},
		"keychain.Change":       keychain.Change{SignIn: &login},
	}
}

// TestS1_14_FormattingShowsNothing formats every holder in every way there is, as it
// is, behind a pointer, and deep within something else.
func TestS1_14_FormattingShowsNothing(t *testing.T) {
	for name, holder := range holders(t) {
		wanted := []string{text}
		if attempt, ok := holder.(*oauth.Attempt); ok {
			wanted = []string{attempt.Verifier().Reveal()}
		}
		for _, v := range []any{holder, &holder, []any{holder}, map[string]any{"k": holder}, struct{ X any }{holder}, fmt.Errorf("e: %v", holder)} {
			for way, shown := range everyWay(v) {
				for _, w := range wanted {
					for _, form := range []string{w, hex.EncodeToString([]byte(w)), base64.StdEncoding.EncodeToString([]byte(w))[:40], fmt.Sprint([]byte(w))[1:40], w[20:40]} {
						if strings.Contains(strings.ToLower(shown), strings.ToLower(form)) {
							t.Errorf("%s (%T) by %s shows %s", name, v, way, shown)
						}
					}
				}
			}
		}
	}
}

func everyWay(v any) map[string]string {
	ways := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%c", "%U", "%t", "%e", "%b", "%T", "%10.3s", "%-30v", "%+q", "%#x", "%w"} {
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
		"callback": "../../callback", "keychain": "../../keychain", "oauth": "../oauth", "session": "../session", "tray": "../../tray", "config": "../config",
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
				if fields, ok := spec.Type.(*ast.StructType); ok && slices.ContainsFunc(fields.Fields.List, isSecret) {
					if _, listed := known[pkg+"."+spec.Name.Name]; !listed {
						t.Errorf("%s.%s holds a secret and is not among the holders", pkg, spec.Name.Name)
					}
				}
				return true
			})
		}
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
	if s.Reveal() != text || s.IsZero() || !s.Equal(secret.New(text)) || s.Equal(secret.New(text+"x")) || s.Equal(secret.String{}) {
		t.Error("the text is not what went in")
	}
	zero := secret.String{}
	if !secret.New("").IsZero() || zero.Reveal() != "" || !zero.Equal(secret.New("")) || zero.Fingerprint() != "" {
		t.Error("the empty secret is not empty")
	}
	if f := s.Fingerprint(); len(f) != 16 || f != secret.New(text).Fingerprint() || f == secret.New(text+"x").Fingerprint() || strings.Contains(text, f) {
		t.Errorf("fingerprint %q", f)
	}
	// One who compares or uses it as a key compares texts by Equal alone.
	if reflect.DeepEqual(s, secret.New(text+"x")) {
		t.Error("two secrets are taken for one")
	}
}

// TestS4_12_Masked shows the kind and the last four, and nothing of a short token.
func TestS4_12_Masked(t *testing.T) {
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
