package claudecode

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The register of what we rely on and cannot ask the client for: each fact with the newest
// version that it was checked with, and when. `make facts` checks them against today's
// client; whoever ran it writes the version here.

//go:embed facts.json
var factsText string

// Register is facts.json.
type Register struct {
	Checked string `json:"checked"` // the newest client that all facts were checked with
	Date    string `json:"date"`
	Facts   []Fact `json:"facts"`
}

// Fact is one thing about the client that we rely on.
type Fact struct {
	Fact    string `json:"fact"`
	Version string `json:"version"`
	Date    string `json:"date"`
}

// Facts returns the register.
var Facts = sync.OnceValue(func() *Register {
	r := &Register{}
	if err := json.Unmarshal([]byte(factsText), r); err != nil {
		panic("facts.json cannot be read: " + err.Error()) // a test reads it
	}
	return r
})

// NewerThanFacts reports whether this version of the client came after the facts were
// checked. A version that cannot be read is not newer.
func NewerThanFacts(version string) bool { return compareVersions(version, Facts().Checked) > 0 }

func compareVersions(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, _ := strconv.Atoi(x)
		n, _ := strconv.Atoi(y)
		return cmp.Compare(m, n)
	})
}

// accessShape is how every access token of a login has begun.
const accessShape = "sk-ant-oat"

// moved says in which way an entry's login is kept otherwise than the facts have it; ""
// where it is not. Such an entry is left alone: what looks like none may be a living login
// of a newer client's, and a login written the old way would be looked at by nobody.
func moved(whole object) string {
	var inner object
	if raw := whole.get(loginKey); len(raw) > 0 && raw[0] == '{' {
		inner = members(raw)
	}
	for _, key := range []string{accessKey, refreshKey} {
		if raw := inner.get(key); len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
			return key + " is no text any more"
		}
	}
	for _, m := range whole {
		if m.key == loginKey || slices.Contains(boundKeys, m.key) || len(m.value) == 0 || m.value[0] != '{' {
			continue
		}
		if strings.HasPrefix(stringOf(members(m.value).get(accessKey)), accessShape) {
			return "its login stands under another name than " + loginKey
		}
	}
	return ""
}

func movedError(what string) *UnusableError {
	f := Facts()
	return &UnusableError{
		Reason: "Claude Code keeps its login in a way that this keytender does not know (" + what +
			"; known up to Claude Code " + f.Checked + ")",
		Hint: "nothing is written there until keytender knows it: look for a newer keytender; `claude auth login` goes on working",
	}
}
