package session

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain/claudecode"
)

// Which is what Claude Code would use when it is started in one directory. It holds no
// secret.
type Which struct {
	SchemaVersion int        `json:"schemaVersion"`
	Directory     string     `json:"directory"`
	Uses          UsedSource `json:"uses"`
	// Others are what is there besides, in the order in which it would count.
	Others []UsedSource `json:"others"`
	// Requests says where requests go when not to Anthropic; nil: nothing says so.
	Requests *RequestsTo  `json:"requests"`
	Notes    []WhichNote  `json:"notes"`
	Client   ClientStatus `json:"client"`
}

// SourceKind is the kind of a credential.
type SourceKind = claudecode.SourceKind

// The kinds that stand before the entry, then those besides.
const (
	FromCloud      = claudecode.FromCloud
	FromHeaders    = claudecode.FromHeaders
	FromSocket     = claudecode.FromSocket
	FromAuthToken  = claudecode.FromAuthToken
	FromHelper     = claudecode.FromHelper
	FromAPIKey     = claudecode.FromAPIKey
	FromSimple     = claudecode.FromSimple
	FromOAuthToken = claudecode.FromOAuthToken
	FromFederation = claudecode.FromFederation
	FromProfile    = claudecode.FromProfile

	FromEntry      SourceKind = "entry"
	FromConsoleKey SourceKind = "console-key" // one that Claude Code keeps for itself
	FromNothing    SourceKind = "none"
	FromUnknown    SourceKind = "unknown" // Claude Code names a kind for which nothing was found
)

// UsedSource is a credential that Claude Code uses or could use, and where it is.
type UsedSource struct {
	_ [0]func() // nobody compares two

	Kind SourceKind `json:"kind"`
	Name string     `json:"name"` // the variable or setting; of nothing, what keeps it from being used
	From string     `json:"from"` // "environment", or a file or keychain item
	// Whose it is, of an entry.
	Account      string `json:"account"`
	Email        string `json:"email"`
	Organization string `json:"organization"`
}

// RequestsTo is where requests go.
type RequestsTo struct {
	To   string `json:"to"` // scheme and host; empty where the setting is no address
	Name string `json:"name"`
	From string `json:"from"`
}

// WhichNote is something to know beside the answer, as a code with what it is about. What we
// say of it is put in where people read it.
type WhichNote struct {
	Code    string  `json:"code"`
	What    string  `json:"what"`
	Because *Reason `json:"-"`
}

// The codes of notes.
const (
	NoteSettingsUnusable    = "settings-unusable"    // what: the file
	NoteEntryUnusable       = "entry-unusable"       // what: why
	NoteEnterpriseGateway   = "enterprise-gateway"   // what: the entry
	NoteOrganizationRefused = "organization-refused" // what: the entry's organization
	NoteOrganizationForced  = "organization-forced"
	NoteShowsAnother        = "shows-another" // what: the e-mail that Claude Code shows
)

// ClientStatus is what the installed Claude Code says itself.
type ClientStatus struct {
	_ [0]func() // nobody compares two

	Checked  bool   `json:"checked"`
	Version  string `json:"version"`
	Method   string `json:"method"`
	Provider string `json:"provider"`
	Email    string `json:"email"`
	// Agrees is nil where the client does not tell this kind from another.
	Agrees *bool `json:"agrees"`
	// Problem is why it was not asked or did not answer.
	Problem *Problem `json:"problem"`
}

// methods is what `claude auth status --json` calls each kind. It does not tell custom
// headers, a socket and a profile.
func methods() map[SourceKind]string {
	return map[SourceKind]string{
		claudecode.FromCloud:      "third_party",
		claudecode.FromAuthToken:  "oauth_token",
		claudecode.FromHelper:     "api_key_helper",
		claudecode.FromAPIKey:     "api_key",
		claudecode.FromOAuthToken: "oauth_token",
		claudecode.FromFederation: "oauth_token",
		claudecode.FromSimple:     "none",
		FromEntry:                 "claude.ai",
		FromConsoleKey:            "api_key",
		FromNothing:               "none",
	}
}

// Overriding names what stands before Claude Code's entry in this environment, a list of
// NAME=VALUE. Values are never shown.
func (e *Engine) Overriding(environ []string) []string {
	if e.entry == nil {
		return nil
	}
	return e.entry.OverridingIn(environ)
}

// Which finds out what Claude Code would use in this directory. Nothing is written,
// and nothing renewed; the client is asked itself where it is installed.
func (e *Engine) Which(ctx context.Context, dir string) (Which, error) {
	dir, err := directoryToAsk(dir)
	if err != nil {
		return Which{}, err
	}
	if e.entryErr != nil {
		return Which{}, entryError(e.entryErr)
	}
	standing := e.entry.Standing(dir)
	w := Which{SchemaVersion: 1, Directory: dir, Others: []UsedSource{}, Notes: []WhichNote{}}
	for _, path := range standing.Unusable {
		w.note(NoteSettingsUnusable, path)
	}
	for _, s := range standing.Before {
		w.Others = append(w.Others, sourceOf(s))
	}
	look := whichOf{e, &w}
	entry := look.addEntry(ctx, standing)
	w.Requests = requestsOf(standing)
	w.choose("")
	look.askAbout(ctx, entry)
	return w, nil
}

func (w *Which) note(code, what string) { w.Notes = append(w.Notes, WhichNote{Code: code, What: what}) }

// directoryToAsk is the directory as a whole path.
func directoryToAsk(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", failedBy(codeNoDirectory, FaultDirectoryUnknown, Values{Reason: plain(err)}, err)
	}
	switch info, err := os.Stat(abs); {
	case errors.Is(err, os.ErrNotExist):
		return "", failedBy(codeNoDirectory, FaultNoDirectory, Values{Path: abs}, err)
	case err != nil:
		return "", failedBy(codeNoDirectory, FaultDirectoryUnread, Values{Path: abs, Reason: plain(err)}, err)
	case !info.IsDir():
		return "", failedBy(codeNoDirectory, FaultNotDirectory, Values{Path: abs}, nil)
	}
	return abs, nil
}

func sourceOf(s claudecode.Source) UsedSource {
	from := s.File
	if from == "" {
		from = "environment"
	}
	return UsedSource{Kind: s.Kind, Name: s.Name, From: from}
}

// whichOf is an answer to Which in the making.
type whichOf struct {
	*Engine
	*Which
}

// addEntry adds the login of the entry, where there is one that the client takes.
func (w whichOf) addEntry(ctx context.Context, standing claudecode.Standing) claudecode.Entry {
	l, err := w.ledger()
	if err != nil {
		l = ledger.New() // then nobody knows whose it is
	}
	look := &work{Engine: w.Engine, l: l}
	s, err := look.see(ctx, w.entry, false)
	if err != nil {
		w.note(NoteEntryUnusable, plain(err))
		return claudecode.Entry{}
	}
	if accepted, why := s.entry.AcceptedByClient(); !accepted {
		if s.entry.State == claudecode.SignedIn {
			w.Notes = append(w.Notes, WhichNote{Code: NoteEntryUnusable, Because: notAccepted(why)})
		}
		if w.entry.HasConsoleKey() {
			w.Others = append(w.Others, UsedSource{Kind: FromConsoleKey, Name: "primaryApiKey",
				From: w.entry.StateFile()})
		}
		return s.entry
	}
	used := UsedSource{Kind: FromEntry, From: w.entry.Place(), Account: s.Account()}
	person := s.person
	if s.Chain != nil {
		person = person.Or(s.Chain.Person)
	}
	if id, known := w.entry.Identity(); known && id.AccountID == person.ID && person.Email == "" {
		person.Email = id.Email
	}
	used.Email = person.Email
	for _, a := range l.Accounts {
		if a.Name == used.Account || used.Account == "" && a.Person.Like(person) == ledger.Same {
			used.Email, used.Organization = a.Person.Or(person).Email, a.Organization
		}
	}
	w.Others = append(w.Others, used)
	if s.entry.HasGateway() {
		w.note(NoteEnterpriseGateway, used.From)
	}
	switch forced := standing.ForcedOrganizations; {
	case len(forced) == 0:
	case person.Organization == "":
		w.note(NoteOrganizationForced, "")
	case !slices.Contains(forced, person.Organization):
		w.note(NoteOrganizationRefused, person.Organization)
	}
	return s.entry
}

// requestsOf says where requests go. A path and what else stands in the address may tell
// more than others should see.
func requestsOf(standing claudecode.Standing) *RequestsTo {
	if standing.BaseURL == "" {
		return nil
	}
	from := sourceOf(standing.Base)
	to := &RequestsTo{Name: from.Name, From: from.From}
	if u, err := url.Parse(standing.BaseURL); err == nil && u.Host != "" {
		to.To = u.Scheme + "://" + u.Host
	}
	if to.To == "https://api.anthropic.com" {
		return nil
	}
	return to
}

// choose makes the first of this method what is used; without a method, the first.
func (w *Which) choose(method string) {
	all := w.Others
	if w.Uses.Kind != "" && w.Uses.Kind != FromNothing {
		all = append([]UsedSource{w.Uses}, all...)
	}
	for i, s := range all {
		if method == "" || methods()[s.Kind] == method {
			w.Uses, w.Others = s, append(append([]UsedSource{}, all[:i]...), all[i+1:]...)
			return
		}
	}
	switch {
	case method == "" || method == "none":
		w.Uses, w.Others = UsedSource{Kind: FromNothing}, all
	default:
		w.Uses, w.Others = UsedSource{Kind: FromUnknown, Name: plainWord(method)}, all
	}
}

// renewsWithin is from when on the client would renew the entry's login when it is asked
// anything. It does so in the last five minutes.
const renewsWithin = 10 * time.Minute

// askAbout has the client say itself what it would use, which counts more than what we
// know. It is not asked while it would renew the login: other places hold it too.
func (w whichOf) askAbout(ctx context.Context, entry claudecode.Entry) {
	blame := func(err error) {
		known := errorIn(err)
		if known == nil {
			known = failedBy(codeNoAnswer, FaultStatusUnsaid, Values{Reason: plain(err)}, err)
		}
		w.Client.Problem = problemOf(known)
	}
	if l := entry.Login; !l.Refresh.IsZero() && !l.AccessEnds.IsZero() && l.AccessEnds.Sub(w.wall()) < renewsWithin {
		blame(failedAs(codeWouldRenew, FaultWouldRenew, nil))
		return
	}
	p, err := w.findClaude(ctx)
	w.Client.Version = p.version
	if err != nil {
		blame(err)
		return
	}
	p.dir = w.Directory
	out, err := p.ask(ctx, ClaudeLimits.Who, "auth", "status", "--json")
	var said struct {
		Method   *string `json:"authMethod"`
		Provider string  `json:"apiProvider"`
		Email    string  `json:"email"`
	}
	// Its exit code is 1 where nobody is signed in.
	if json.Unmarshal(out, &said) != nil || said.Method == nil {
		if err == nil {
			err = failedAs(codeNoAnswer, FaultStatusNotJSON, nil)
		}
		blame(err)
		return
	}
	w.Client.Checked, w.Client.Method, w.Client.Provider = true, plainWord(*said.Method), plainWord(said.Provider)
	w.Client.Email = emailLike(said.Email)
	if method, told := methods()[w.Uses.Kind]; told {
		agrees := method == *said.Method
		w.Client.Agrees = &agrees
		if !agrees {
			w.choose(*said.Method)
		}
	}
	switch ours := &w.Uses.Email; {
	case w.Uses.Kind != FromEntry || w.Client.Email == "":
	case *ours == "":
		*ours = w.Client.Email
	case *ours != w.Client.Email:
		w.note(NoteShowsAnother, w.Client.Email)
	}
}

// plainWord is another program's word for something, or nothing when it is none.
func plainWord(text string) string {
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return ""
		}
	}
	return firstOf(text, 40)
}
