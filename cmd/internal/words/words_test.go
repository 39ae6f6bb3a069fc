package words

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keytender/internal/session"
)

// declaredFaults are those that the engine's source declares.
func declaredFaults(t *testing.T) []session.Fault { return declared[session.Fault](t, "fault.go") }

// declared are the constants of a type that a file of the engine declares.
func declared[T ~string](t *testing.T, name string) (all []T) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../internal/session/"+name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := reflect.TypeFor[T]().Name()
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == want {
			text, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			all = append(all, T(text))
		}
		return true
	})
	return all
}

func TestEachFaultHasWords(t *testing.T) {
	all := declaredFaults(t)
	if len(all) < 50 {
		t.Fatalf("%d faults were found", len(all))
	}
	hintless := []session.Fault{session.FaultNothingOnStdin, session.FaultNoCode, // they get one with what waits
		session.FaultPastedBefore} // the sign-in goes on
	v := everyValue()
	seen := map[sentences]session.Fault{}
	for _, f := range all {
		said := wordsOf(f)
		if strings.Contains(said.message, "something went wrong") || said.hint == "" && !slices.Contains(hintless, f) {
			t.Errorf("%s: %q, hint %q", f, said.message, said.hint)
		}
		if text := inWords(v).Replace(said.message + said.hint); nameInBraces.MatchString(text) {
			t.Errorf("%s names a value that there is not: %s", f, text)
		}
		if twin, twice := seen[said]; twice {
			t.Errorf("%s and %s say the same", f, twin)
		}
		seen[said] = f
	}
}

func TestWhatIsSaidBesideAFault(t *testing.T) {
	waits := time.Date(2030, 1, 2, 3, 4, 5, 0, time.Local)
	until := "; the sign-in waits until " + waits.Format("15:04:05 MST")
	for name, c := range map[string]struct {
		said   string
		values session.Values
		want   string
	}{
		"nothing":       {"h", session.Values{}, "h"},
		"a key is lost": {"h", session.Values{LostKey: "sk…FAKE"}, "h; the new key (sk…FAKE) is lost, so delete it at the Console"},
		"refused, and a login made room": {"h", session.Values{ClaudeSignedIn: true, Displaced: "ann"},
			"Claude Code is signed in as that account now; h; `keytender mirror --undo` puts the login of ann back"},
		"refused, and its login lies where the other one was": {"h", session.Values{Occupied: true, Displaced: "ann"},
			"h; once Claude Code is signed out (`claude auth logout`), " +
				"`keytender mirror --undo` puts the login of ann back"},
		"no login, and one made room": {"h; nothing was changed", session.Values{Displaced: "ann"},
			"h; `keytender mirror --undo` puts the login of ann back"},
		"waits, with a hint": {"h", session.Values{WaitsUntil: waits},
			"h; then run `keytender login --finish` again with the same code" + until},
		"waits, and its own hint would begin anew": {"run `keytender login` again", session.Values{WaitsUntil: waits},
			"give all that the page showed (CODE#STATE) to `keytender login --finish` on stdin" + until},
		"in two steps": {"run `keytender login` again", session.Values{TwoSteps: true},
			"run `keytender login --begin` again"},
	} {
		if hint := withBesides(c.said, c.values); hint != c.want {
			t.Errorf("%s: %q, want %q", name, hint, c.want)
		}
	}
	for want, e := range map[string]session.Error{
		"give all that the page showed (CODE#STATE) to `keytender login --finish` on stdin" + until: {
			Fault: session.FaultNothingOnStdin, Values: session.Values{WaitsUntil: waits}},
		"run `keytender login --method claude-code` again": {Fault: session.FaultClaudeFailed,
			Values: session.Values{Reason: "no", WatchOnly: true}},
	} {
		if _, hint, _ := Of(&e); hint != want {
			t.Errorf("%s: %q, want %q", e.Fault, hint, want)
		}
	}
}

// A value that looks like a name in braces is said as it is.
func TestValuesAreNotReadAsNames(t *testing.T) {
	err := errors.Join(&session.Error{Fault: session.FaultNotPutBack,
		Values: session.Values{Path: "/{reason}", Reason: "{path}"}}, errors.New("two"))
	if got := Plain(err); got != "/{reason} could not be put back: {path}\ntwo" {
		t.Error(got)
	}
	inner := &session.Error{Fault: session.FaultNoAPIKey}
	outer := &session.Error{Fault: session.FaultNotRemoved,
		Err: errors.Join(&session.Error{Fault: session.FaultStoreLocked,
			Values: session.Values{Reason: "it is locked"}})}
	if message, hint, _ := Of(outer); message != "not everything was removed: it is locked" ||
		!strings.HasPrefix(hint, "unlock the keychain") {
		t.Errorf("a fault behind another one: %q, hint %q", message, hint)
	}
	if got := Plain(fmt.Errorf("asking: %w: %w", inner,
		os.ErrDeadlineExceeded)); got != "asking: there is no API key: "+os.ErrDeadlineExceeded.Error() {
		t.Errorf("a fault within another error: %q", got)
	}
}

func TestTheEngineNamesNoCommands(t *testing.T) {
	command := regexp.MustCompile(
		"`(keytender|claude|doctor) |keytender (login|logout|mirror|doctor|places|api-key|import|refresh|token)\\b")
	eachText(t, func(said, at string, _ bool) {
		if command.MatchString(said) {
			t.Errorf("%s: the engine names a command: %q", at, said)
		}
	})
}

// A text of four words or more is a sentence. Those of the log are the engine's own, and so are
// those of the errors by which it knows a case again.
func TestTheEngineSaysNoSentences(t *testing.T) {
	seen := 0
	eachText(t, func(said, at string, own bool) {
		if len(strings.Fields(said)) < 4 {
			return
		}
		if seen++; !own {
			t.Errorf("%s: the engine says %q: give it a Fault, and words here", at, said)
		}
	})
	if seen < 20 {
		t.Errorf("%d texts were found", seen)
	}
}

// eachText calls use with each text in the engine's source. own is true of what is logged, and
// of an error that a variable of the package holds.
func eachText(t *testing.T, use func(said, at string, own bool)) {
	files, err := filepath.Glob("../../../internal/session/*.go")
	if err != nil || len(files) < 30 {
		t.Fatal(len(files), err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			variable := false
			if g, ok := d.(*ast.GenDecl); ok {
				if variable = g.Tok == token.VAR; g.Tok == token.IMPORT {
					continue
				}
			}
			owned := map[ast.Node]bool{}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if logs(n.Fun) || variable && isNewError(n.Fun) {
						owned[n.Args[0]] = true
					}
				case *ast.BasicLit:
					if said, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
						use(said, set.Position(n.Pos()).String(), owned[n])
					}
				}
				return true
			})
		}
	}
}

// logs is true of a level's method of whatever is called log.
func logs(f ast.Expr) bool {
	method, ok := f.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method.Sel.Name) {
		return false
	}
	switch on := method.X.(type) {
	case *ast.Ident:
		return on.Name == "log"
	case *ast.SelectorExpr:
		return on.Sel.Name == "log"
	}
	return false
}

func isNewError(f ast.Expr) bool {
	made, ok := f.(*ast.SelectorExpr)
	if !ok || made.Sel.Name != "New" {
		return false
	}
	from, ok := made.X.(*ast.Ident)
	return ok && from.Name == "errors"
}

// A directory may have any name, and a command in a hint is copied into a shell.
func TestHintsQuotePlaces(t *testing.T) {
	const place = "/home/o'hara/.claude"
	quoted := 0
	for _, f := range declaredFaults(t) {
		if f == session.FaultStillDisplaced { // ours, by a name that we gave
			continue
		}
		said := wordsOf(f)
		hint := inWords(session.Values{ID: place, Place: place}).Replace(said.hint)
		for _, command := range regexp.MustCompile("`[^`]*o'hara[^`]*`").FindAllString(hint, -1) {
			t.Errorf("%s: %s", f, command)
		}
		quoted += strings.Count(hint, `'/home/o'\''hara/.claude'`)
	}
	if quoted < 3 {
		t.Errorf("%d hints name a place in a command", quoted)
	}
}
