package session

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/config"
	"keytender/internal/fakeclaude"
	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/internal/secret"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// rig is one installation with a server to talk to and a clock that can be set.
type rig struct {
	t       testing.TB
	server  *fakeclaude.Server
	environ map[string]string
	home    string // KEYTENDER_HOME
	claude  string // CLAUDE_CONFIG_DIR
	shift   *atomic.Int64
	still   time.Time // where the clock stands until time passes; zero: it goes by itself
	account string
	others  []string // further directories with the login
	unblock func()   // what block made unwritable last
}

// newRig makes an installation of its own beside Claude Code's empty folder. Further
// variables are given as NAME=value.
func newRig(t testing.TB, variables ...string) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, home: filepath.Join(dir, "keytender"), claude: filepath.Join(dir, "claude"),
		shift: new(atomic.Int64), account: "default"}
	if err := os.Mkdir(r.claude, 0o700); err != nil {
		t.Fatal(err)
	}
	server, err := fakeclaude.StartWith(fakeclaude.Options{Now: r.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	r.server = server
	r.environ = map[string]string{"KEYTENDER_HOME": r.home, "KEYTENDER_STORE": "file", "CLAUDE_CONFIG_DIR": r.claude}
	for _, pair := range append(server.Env(), variables...) {
		name, value, _ := strings.Cut(pair, "=")
		r.environ[name] = value
	}
	return r
}

func (r *rig) now() time.Time {
	now := r.still
	if now.IsZero() {
		now = time.Now()
	}
	return now.Add(time.Duration(r.shift.Load()))
}

// mkdir makes a folder beside the installation.
func (r *rig) mkdir(name string) string {
	r.t.Helper()
	dir := r.beside(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// pass lets time go by, backwards too.
func (r *rig) pass(d time.Duration) { r.shift.Add(int64(d)) }

// start is a new start of the program: nothing is remembered but what is on the disk.
func (r *rig) start() *Engine {
	r.t.Helper()
	c, err := config.Load(func(name string) (string, bool) { value, ok := r.environ[name]; return value, ok }, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	e, err := Open(c)
	if err != nil {
		r.t.Fatal(err)
	}
	e.now, e.client.Now = r.now, r.now
	return e
}

// issued is a login that the server knows, whose access token lives for life.
func (r *rig) issued(email string, life time.Duration) keychain.Credential {
	r.t.Helper()
	access, refresh := r.server.Issue(email)
	profile, err := r.start().client.Profile(r.t.Context(), secret.New(access))
	if err != nil {
		r.t.Fatal(err)
	}
	return keychain.Credential{
		Access: secret.New(access), Refresh: secret.New(refresh),
		AccessEnds: r.now().Round(0).Add(life), Lifetime: 8 * time.Hour, LoginEnds: r.now().Round(0).Add(fallbackLogin),
		Scopes: []string{"user:profile", "user:inference"}, Account: account(profile), Issued: r.now().Round(0),
		Method: "browser",
	}
}

// signIn stores a login whose access token lives for life, and mirrors it.
func (r *rig) signIn(life time.Duration) keychain.Credential {
	r.t.Helper()
	c := r.issued("a@example.com", life)
	r.keep(r.account, c)
	if _, err := r.start().Mirror(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// keep stores a login as a sign-in does.
func (r *rig) keep(account string, c keychain.Credential) {
	r.t.Helper()
	w := r.work()
	defer w.end()
	if _, _, err := w.takingIn().takeIn(r.t.Context(),
		takenIn{account: account, c: c, what: "signed-in", activate: true, carries: true}); err != nil {
		r.t.Fatal(err)
	}
}

// keepLongLived stores a token for machines as a sign-in does.
func (r *rig) keepLongLived(account, email string) {
	r.t.Helper()
	c := r.issued(email, 365*24*time.Hour)
	c.Refresh, c.LoginEnds = secret.String{}, c.AccessEnds
	w := r.work()
	defer w.end()
	_, _, err := w.takingIn().takeIn(r.t.Context(), takenIn{account: account, c: c, what: "signed-in", longLived: true})
	r.must(err)
}

// mirrored writes the active account's login into the entry.
func (r *rig) mirrored() {
	r.t.Helper()
	_, err := r.start().Mirror(r.t.Context())
	r.must(err)
}

func (r *rig) loseLedger() { r.must(os.Remove(r.state(ledgerFile))) }

// damageLedger damages the ledger and has it mended.
func (r *rig) damageLedger() {
	r.must(os.WriteFile(r.state(ledgerFile), []byte("{"), 0o600))
	_, err := fixing{r.start().doctor()}.mendLedger(r.t.Context())
	r.must(err)
}

// work is a piece of work under the lock.
func (r *rig) work() *work {
	r.t.Helper()
	w, err := r.start().begin(r.t.Context(), time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// ledger is what the next start knows.
func (r *rig) ledger() *ledger.Ledger {
	r.t.Helper()
	l, err := r.start().ledger()
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// vault is the chosen store.
func (r *rig) vault() *vault { return r.start().vault(r.ledger()) }

// stored is the newest pair that a new start finds.
func (r *rig) stored() keychain.Credential {
	r.t.Helper()
	c, err := r.vault().load(r.t.Context(), r.ledger().Choose(""))
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) entry() claudecode.Entry {
	r.t.Helper()
	entry, err := r.start().readEntry(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return entry
}

// chain is what the ledger knows of the account's chain.
func (r *rig) chain() *ledger.Chain {
	r.t.Helper()
	if c := r.ledger().ChainOf(r.account); c != nil {
		return c
	}
	return &ledger.Chain{}
}

// faults makes the next calls go wrong in turn.
func (r *rig) faults(faults ...fakeclaude.Fault) {
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Faults = faults })
}

func (r *rig) posts() int { return r.server.Count("renew") }

// wholePair fails unless access and refresh were issued together and both live.
func (r *rig) alive(c keychain.Credential) {
	r.t.Helper()
	if !r.server.Alive(c.Refresh.Reveal()) {
		r.t.Errorf("the refresh token is not alive: spent %v, family revoked %v", r.server.Spent(c.Refresh.Reveal()),
			r.server.FamilyRevoked(c.Refresh.Reveal()))
	}
}

// writeEntry is another program that writes into Claude Code's entry without asking.
func (r *rig) writeEntry(c keychain.Credential) {
	r.t.Helper()
	document := map[string]any{}
	if data, err := os.ReadFile(r.entryFile()); err == nil {
		_ = json.Unmarshal(data, &document)
	}
	document["claudeAiOauth"] = map[string]any{
		"accessToken": c.Access.Reveal(), "refreshToken": c.Refresh.Reveal(), "expiresAt": c.AccessEnds.UnixMilli(),
		"scopes": c.Scopes, "accountUuid": c.Account.ID, "organizationUuid": c.Account.OrganizationID,
	}
	data, err := json.Marshal(document)
	if err == nil {
		err = atomicfile.Write(r.entryFile(), data)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// goTo works with another directory of Claude Code's from now on.
func (r *rig) goTo(dir string) { r.claude, r.environ["CLAUDE_CONFIG_DIR"] = dir, dir }

func (r *rig) entryFile() string { return filepath.Join(r.claude, ".credentials.json") }

// renewElsewhere is Claude Code renewing the login that is in its entry, on its own.
func (r *rig) renewElsewhere(c keychain.Credential) keychain.Credential {
	r.t.Helper()
	client := r.start().client
	grant, err := client.Renew(context.Background(), c.Refresh, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	c.Access, c.Refresh, c.AccessEnds = grant.Access, grant.Refresh, r.now().Round(0).Add(grant.ExpiresIn)
	return c
}

func pairIn(c keychain.Credential) ledger.Pair { return pairOf(&c) }

// reused fails when a spent token was sent.
func (r *rig) reused() {
	r.t.Helper()
	if n := r.server.Count("renew-reused"); n != 0 {
		r.t.Errorf("a spent refresh token was sent %d times", n)
	}
}

func (r *rig) historyOf() []string {
	r.t.Helper()
	records, err := r.start().History()
	if err != nil {
		r.t.Fatal(err)
	}
	var what []string
	for _, record := range records {
		what = append(what, string(record.What))
	}
	return what
}

// exitOf is the exit code that a command would end with.
func faultOf(err error) Fault {
	known := &Error{}
	errors.As(err, &known)
	return known.Fault
}

func exitOf(err error) int {
	known := &Error{}
	switch {
	case err == nil:
		return 0
	case errors.As(err, &known):
		return known.Exit
	}
	return -1 // no error for people
}

// leftovers lists what is in a folder besides what is allowed to stay.
func leftovers(t testing.TB, dir string, allowed ...string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !slices.Contains(allowed, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}

// grantOf is the token response that brought a pair.
func grantOf(c keychain.Credential) oauth.Grant {
	return oauth.Grant{Access: c.Access, Refresh: c.Refresh, ExpiresIn: c.Lifetime, ExpiresInKnown: true}
}
