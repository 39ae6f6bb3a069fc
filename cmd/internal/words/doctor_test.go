package words

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keytender/internal/session"
)

// everyValue holds a value of each kind.
func everyValue() session.Values {
	return session.Values{Account: "x", Owner: "x", Person: "x", Path: "x", Aside: "x", Place: "x", ID: "x", Host: "x",
		Least: "x", Reason: "x", Repair: "x",
		Limit: time.Minute, At: time.Unix(0, 0), Client: "x", Standing: "x", Also: "x", List: []string{"x"}, Count: 1,
		Mode: 0o644, Want: 0o600}
}

var nameInBraces = regexp.MustCompile(`\{[a-z]+\}`)

func TestEachFindingHasWords(t *testing.T) {
	all := declared[session.Finding](t, "doctor_findings.go")
	if len(all) < 80 {
		t.Fatalf("%d findings were found", len(all))
	}
	every := everyValue()
	seen := map[found]session.Finding{}
	for _, f := range all {
		said := ofFinding(f)
		if said.finding != f || said.detail == "" || (said.means == "") != (said.hint == "") {
			t.Errorf("%s: %+v", f, said)
		}
		c := Checks([]session.Check{{Name: "x", Finding: f, Values: &every}})[0]
		if text := c.Detail + c.Means + c.Hint; nameInBraces.MatchString(text) {
			t.Errorf("%s names a value that there is not: %s", f, text)
		}
		said.finding = ""
		if twin, twice := seen[said]; twice && said.means != "" {
			t.Errorf("%s and %s say the same", f, twin)
		}
		seen[said] = f
	}
}

func TestFindingsInWords(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.Local)
	locked := &session.Error{Fault: session.FaultStoreLocked, Values: session.Values{Reason: "it is locked"}}
	for _, c := range []struct {
		finding             session.Finding
		values              session.Values
		err                 error
		detail, means, hint string // each as it ends
	}{
		{session.FoundLoginUnusable, session.Values{}, locked, "it is locked", "cannot be used or renewed now",
			"and try again"},
		{session.FoundEntryUnusable, session.Values{Repair: "look"}, os.ErrPermission,
			"it cannot be used: permission denied", "nothing is written there", "look"},
		{session.FoundLoginNearEnd, session.Values{At: at, Limit: 47 * time.Hour, Estimated: true}, nil,
			"it ends in 2 days, on " + day(at), "(the server did not say when; this is an estimate)",
			"when it suits you"},
		{session.FoundAccountPastEnd, session.Values{Account: "work", At: at}, nil,
			"of the account work was to end on " + day(at), "sign-in then", "`keytender accounts remove work`"},
		{session.FoundModeLoose, session.Values{Path: "/a'b", Mode: 0o646, Want: 0o600}, nil,
			"/a'b has mode 0646, so others may read it and write into it", "another one in its place",
			`chmod 0600 '/a'\''b'`},
		{session.FoundModeLoose, session.Values{Mode: 0o620}, nil, "so others may write into it", "place", "''"},
		{session.FoundModeLoose, session.Values{Mode: 0o640}, nil, "so others may read it", "place", "''"},
		{session.FoundPlaceBehind, session.Values{Place: "here", ID: "/o'hara"}, nil,
			"here is behind: no reason is known", "there", `forget '/o'\''hara'` + "` lets go of it"},
		{session.FoundClockOff, session.Values{At: at, Limit: -time.Hour}, nil, "this clock was 1 hour ahead", "often",
			"true`)"},
		{session.FoundClockOff, session.Values{At: at, Limit: time.Hour}, nil, "this clock was 1 hour behind", "often",
			"true`)"},
		{session.FoundClaudeSeveral, session.Values{List: []string{"2.0.0 in /a", "2.0.1 in /b"}}, nil,
			"a version that it does not tell comes first, and 2.0.0 in /a, 2.0.1 in /b", "does", "`claude update`"},
	} {
		got := Checks([]session.Check{{Name: "n", State: session.CheckWarn, Finding: c.finding, Values: &c.values,
			Err: c.err}})[0]
		if !strings.HasSuffix(got.Detail, c.detail) || !strings.HasSuffix(got.Means, c.means) ||
			!strings.HasSuffix(got.Hint, c.hint) {
			t.Errorf("%s: %+v", c.finding, got)
		}
	}
}

func TestWorstComesFirst(t *testing.T) {
	var order string
	for _, c := range Worst([]Check{{Name: "a", State: session.CheckOK}, {Name: "b", State: session.CheckWarn},
		{Name: "c", State: session.CheckFail},
		{Name: "d", State: session.CheckWarn}, {Name: "e", State: session.CheckFail}}) {
		order += c.Name
	}
	if order != "cebda" {
		t.Error(order)
	}
}

func TestEachVerdictHasWords(t *testing.T) {
	all := declared[session.Verdict](t, "why.go")
	if len(all) < 15 {
		t.Fatalf("%d verdicts were found", len(all))
	}
	every := everyValue()
	for _, v := range all {
		said := ofClue(session.Clue{Verdict: v, Values: &every})
		if !strings.Contains(said, " ") || !strings.HasSuffix(said, ".") || nameInBraces.MatchString(said) {
			t.Errorf("%s: %s", v, said)
		}
	}
}

func TestEachRemarkHasWords(t *testing.T) {
	type Rejection string
	all := declared[session.Remark](t, "remark.go")
	for _, r := range declared[Rejection](t, "../../keychain/claudecode/entry.go") {
		all = append(all, session.Remark(r))
	}
	if len(all) < 20 {
		t.Fatalf("%d remarks were found", len(all))
	}
	every := everyValue()
	seen := map[string]session.Remark{}
	for _, r := range all {
		said := OfSaid(session.Said{Remark: r, Values: &every})
		name := r == session.RemarkStored // alone
		if name == strings.Contains(said, " ") || nameInBraces.MatchString(said) {
			t.Errorf("%s: %s", r, said)
		}
		if twin, twice := seen[said]; twice {
			t.Errorf("%s and %s say the same", r, twin)
		}
		seen[said] = r
	}
}

// What an earlier version wrote into the history is told as it stands there.
func TestDetailOfHistory(t *testing.T) {
	v := &session.Values{Path: "/x", Count: 1, List: []string{"a", "b"}}
	for want, r := range map[string]session.Record{
		"":                        {},
		"in an old one's words":   {Detail: "in an old one's words"},
		"moved the lock /x aside": {Said: session.Said{Remark: session.RemarkLockMoved, Values: v}},
		"moved the damaged list of accounts in /x aside, and found 1 account again": {
			Said: session.Said{Remark: session.RemarkAccountsFound, Values: v}},
		"moved /x aside, since it cannot be read, and took over the logins in it and in Claude Code's entries: a, b": {
			Said: session.Said{Remark: session.RemarkTakenOver, Values: v}},
		"of-a-later-version": {Said: session.Said{Remark: "of-a-later-version"}},
	} {
		if got := Detail(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A story is one paragraph with times, and tells nothing that is secret or says who somebody is.
func TestStoryInWords(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.Local)
	refused := session.Record{At: at, What: "refused", Who: "keytender", Detail: "the server said no"}
	begin := "Seen by keytender " + session.Version + " on " + runtime.GOOS + " at " + day(at) + ". "
	for _, c := range []struct{ story, want any }{
		{session.Story{},
			"Nothing that keytender knows says that you were logged out: its login works, and Claude Code's entry holds it. " +
				"Keytender's history is empty."},
		{session.Story{Clues: []session.Clue{{Verdict: session.VerdictUsedTwice, Err: errors.New("it has ended"),
			Step: &refused}}, Steps: []session.Record{refused, {At: at, What: "renewed", Who: "Claude Code"}}},
			"Keytender's login does not work: it has ended; that was on " + day(at) +
				" (the server said no). A refresh token works once, " +
				"so another program, another machine or a backup used the same login, or somebody signed out of it elsewhere. " +
				"The last steps (" + at.Format("MST") +
				"): 01-02 03:04 refused by keytender (the server said no); 01-02 03:04 renewed by Claude Code."},
	} {
		story := c.story.(session.Story)
		story.At = at
		if got := ofStory(story); got != begin+c.want.(string) {
			t.Errorf("%s", got)
		}
	}
	var trace session.ClientTrace
	trace.Place, trace.Holder = "here", "anna's process"
	story := session.Story{At: at, Clients: []session.ClientTrace{trace}, Clues: []session.Clue{
		{Verdict: session.VerdictEntryNotAccepted,
			Values: &session.Values{Reason: "a@example.com: sk-ant-ort01-FAKE-in-a-log"}}}}
	if got := withoutNames(ofStory(story), "anna"); !strings.HasSuffix(got,
		"Claude Code does not accept its entry: EMAIL: [redacted]. Keytender's history is empty. Claude Code's renewal lock stands in here: NAME's process.") {
		t.Error(got)
	}
}

// The doctor's files of the engine hold no sentence: what they tell is a code with values.
func TestTheDoctorSaysNothingItself(t *testing.T) {
	files, err := filepath.Glob("../../../internal/session/*doctor*.go")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	words := regexp.MustCompile(`\S+ +\S+ +\S`)
	later := []string{"doctor_asides.go"} // a step of a sign-out
	for _, path := range append(files, "../../../internal/session/why.go") {
		if strings.HasSuffix(path, "_test.go") || slices.Contains(later, filepath.Base(path)) {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				return !isLogging(n)
			case *ast.BasicLit:
				text, _ := strconv.Unquote(n.Value)
				if n.Kind == token.STRING && words.MatchString(text) && !strings.HasPrefix(text, "Claude Code's ") {
					t.Errorf("%s: %q", set.Position(n.Pos()), text)
				}
			}
			return true
		})
	}
}

// isLogging finds w.log.Warn and its kind.
func isLogging(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	on, ok := method.X.(*ast.SelectorExpr)
	return ok && on.Sel.Name == "log"
}
