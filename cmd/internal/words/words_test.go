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
	for _, c := range []struct {
		name string
		err  session.Error
		hint string
	}{
		{"nothing", session.Error{Message: "m", Hint: "h"}, "h"},
		{"a key is lost", session.Error{Message: "m", Hint: "h", Values: session.Values{LostKey: "sk…FAKE"}},
			"h; the new key (sk…FAKE) is lost, so delete it at the Console"},
		{"refused, and a login made room", session.Error{Message: "m", Hint: "h", Values: session.Values{ClaudeSignedIn: true, Displaced: "ann"}},
			"Claude Code is signed in as that account now; h; `keytender mirror --undo` puts the login of ann back"},
		{"waits, with a hint", session.Error{Message: "m", Hint: "h", Values: session.Values{WaitsUntil: waits}},
			"h; then run `keytender login --finish` again with the same code" + until},
		{"waits, and its own hint would begin anew", session.Error{Message: "m", Hint: "run `keytender login` again", Values: session.Values{WaitsUntil: waits}},
			"give all that the page showed (CODE#STATE) to `keytender login --finish` on stdin" + until},
		{"waits", session.Error{Fault: session.FaultNothingOnStdin, Values: session.Values{WaitsUntil: waits}},
			"give all that the page showed (CODE#STATE) to `keytender login --finish` on stdin" + until},
		{"in two steps", session.Error{Message: "m", Hint: "run `keytender login` again", Values: session.Values{TwoSteps: true}},
			"run `keytender login --begin` again"},
		{"watch-only", session.Error{Fault: session.FaultClaudeFailed, Values: session.Values{Reason: "no", WatchOnly: true}},
			"run `keytender login --method claude-code` again"},
	} {
		if _, hint, _ := Of(&c.err); hint != c.hint {
			t.Errorf("%s: %q, want %q", c.name, hint, c.hint)
		}
	}
}

// A value that looks like a name in braces is said as it is.
func TestValuesAreNotReadAsNames(t *testing.T) {
	err := errors.Join(&session.Error{Fault: session.FaultNotPutBack, Values: session.Values{Path: "/{reason}", Reason: "{path}"}}, errors.New("two"))
	if got := Plain(err); got != "/{reason} could not be put back: {path}\ntwo" {
		t.Error(got)
	}
	inner := &session.Error{Fault: session.FaultNoAPIKey}
	outer := &session.Error{Fault: session.FaultNotRemoved, Err: errors.Join(&session.Error{Fault: session.FaultStoreLocked, Values: session.Values{Reason: "it is locked"}})}
	if message, hint, _ := Of(outer); message != "not everything was removed: it is locked" || !strings.HasPrefix(hint, "unlock the keychain") {
		t.Errorf("a fault behind another one: %q, hint %q", message, hint)
	}
	if got := Plain(fmt.Errorf("asking: %w: %w", inner, os.ErrDeadlineExceeded)); got != "asking: there is no API key: "+os.ErrDeadlineExceeded.Error() {
		t.Errorf("a fault within another error: %q", got)
	}
}

// What the engine still says itself, file by file. The list may only become shorter.
var stillSaying = []string{
	"listing.go", "mirror.go", "signout.go",
}

func TestTheEngineNamesNoCommands(t *testing.T) {
	files, err := filepath.Glob("../../../internal/session/*.go")
	if err != nil || len(files) < 30 {
		t.Fatal(len(files), err)
	}
	command := regexp.MustCompile("`(keytender|claude|doctor) |keytender (login|logout|mirror|doctor|places|api-key|import|refresh|token)\\b")
	for _, path := range files {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			said, err := strconv.Unquote(text.Value)
			if err != nil || !command.MatchString(said) {
				return true
			}
			found = true
			if !slices.Contains(stillSaying, name) {
				t.Errorf("%s: the engine names a command: %q", set.Position(text.Pos()), said)
			}
			return true
		})
		if !found && slices.Contains(stillSaying, name) {
			t.Errorf("%s names no command any more: take it off the list", name)
		}
	}
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
