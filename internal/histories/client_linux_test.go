package histories

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keytender/internal/fakeclaude"
)

func itoa(n int) string { return strconv.Itoa(n) }

// document is a JSON object whose values are kept to the byte.
type document map[string]json.RawMessage

func (d document) text(key string) string {
	var s string
	_ = json.Unmarshal(d[key], &s)
	return s
}

func (d document) put(key string, value any) {
	d[key], _ = json.Marshal(value)
}

// client is Claude Code in one configuration directory, played by its facts: it takes its
// locks, reads again, renews, and writes by a temporary file and a rename.
type client struct {
	w     *world
	dir   string
	state string   // .claude.json
	env   []string // what a shell sets to use this directory

	drops []string      // keys that its renewals leave out
	life  time.Duration // from now to the expiresAt that its renewals write; 0: what the server said

	others document // what in the entry is nobody's login
}

func (w *world) client(dir, state string) *client {
	return &client{w: w, dir: dir, state: state, others: document{}}
}

// clients are both.
func (w *world) clients() []*client {
	if w.work == nil {
		return nil
	}
	return []*client{w.cc, w.work}
}

func (c *client) shell() shell { return c.w.shell(c.env...) }

func (c *client) file() string { return filepath.Join(c.dir, ".credentials.json") }

// read is the entry and the login in it; nil where there is none.
func (c *client) read() (whole, login document) {
	data, err := os.ReadFile(c.file())
	if err != nil || json.Unmarshal(data, &whole) != nil || whole == nil {
		return document{}, nil
	}
	_ = json.Unmarshal(whole["claudeAiOauth"], &login)
	return whole, login
}

// refresh is the refresh token in the entry, or nothing.
func (c *client) refresh() string {
	_, login := c.read()
	return login.text("refreshToken")
}

// who is whose login is in the entry.
func (c *client) who() person {
	_, login := c.read()
	name, _, _ := strings.Cut(c.w.server.Owner(login.text("accessToken")), "@")
	return person(name)
}

func (c *client) alive() bool { return c.w.server.Alive(c.refresh()) }

// make makes the configuration directory.
func (c *client) make() {
	if os.Mkdir(c.dir, 0o700) == nil {
		c.w.own(c.dir)
	}
}

// put writes the entry as the client does: in place where it cannot be renamed over.
func (c *client) put(whole document) {
	c.w.Helper()
	c.make()
	data, err := json.Marshal(whole)
	c.w.must(err)
	c.w.must(c.replace(data))
}

func (c *client) replace(data []byte) error {
	temporary := c.file() + ".tmp.0123abcd"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	c.w.own(temporary)
	err := os.Rename(temporary, c.file())
	if err != nil {
		_ = os.Remove(temporary)
	}
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) {
		return os.WriteFile(c.file(), data, 0o600)
	}
	return err
}

// add puts a key beside the login, which everybody must leave as it is.
func (c *client) add(key, raw string) {
	c.w.Helper()
	whole, _ := c.read()
	whole[key], c.others[key] = json.RawMessage(raw), json.RawMessage(raw)
	c.put(whole)
}

// othersStay fails when what is nobody's login was changed.
func (c *client) othersStay() {
	c.w.Helper()
	if len(c.others) == 0 {
		return
	}
	// What nobody may read now is looked at when somebody has mended that.
	if _, err := os.ReadFile(c.file()); errors.Is(err, fs.ErrPermission) {
		return
	}
	whole, _ := c.read()
	for key, want := range c.others {
		if !bytes.Equal(compact(whole[key]), compact(want)) {
			c.w.Errorf("%s in %s is now %q", key, c.file(), whole[key])
		}
	}
}

// pair is a login of a person in the shape of the entry, whose access token has so long to live.
func (w *world) pair(who person, left time.Duration) document {
	w.Helper()
	access, refresh := w.server.Issue(who.email())
	login := document{}
	login.put("accessToken", access)
	login.put("refreshToken", refresh)
	login.put("expiresAt", w.now().Add(left).UnixMilli())
	login.put("refreshTokenExpiresAt", w.now().Add(29*24*time.Hour).UnixMilli())
	login.put("scopes", []string{"user:profile", "user:inference", "user:sessions:claude_code", "user:mcp_servers",
		"user:file_upload"})
	login.put("subscriptionType", "max")
	login.put("rateLimitTier", "default_claude_max_5x")
	account, organization := w.ids(access)
	login.put("accountUuid", account)
	login.put("organizationUuid", organization)
	return login
}

// ids are those of the account that an access token is for.
func (w *world) ids(access string) (account, organization string) {
	w.Helper()
	request, err := http.NewRequest("GET", w.server.APIURL()+"/api/oauth/profile", nil)
	w.must(err)
	request.Header.Set("Authorization", "Bearer "+access)
	var profile struct{ Account, Organization struct{ UUID string } }
	b := w.server.Behaviour()
	w.set(func(b *fakeclaude.Behaviour) { b.Refuse, b.Faults = nil, nil }) // it is the test that asks
	defer w.set(func(now *fakeclaude.Behaviour) { now.Refuse, now.Faults = b.Refuse, b.Faults })
	response, err := plain.Do(request)
	w.must(err)
	defer response.Body.Close()
	w.must(json.NewDecoder(response.Body).Decode(&profile))
	return profile.Account.UUID, profile.Organization.UUID
}

// plain keeps no connection, so that a server can be closed at once.
var plain = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}

// json is a login as `import -` takes it.
func (d document) json() string {
	data, _ := json.Marshal(map[string]document{"claudeAiOauth": d})
	return string(data)
}

// hold puts a login into the entry, as a sign-in of the client does.
func (c *client) hold(login document) {
	c.w.Helper()
	c.make()
	release, err := c.lock(".storage-write.lock", 15*time.Second)
	c.w.must(err)
	defer release()
	whole, _ := c.read()
	whole.put("claudeAiOauth", login)
	delete(whole, "organizationUuid")
	c.put(whole)
}

// signIn is `claude auth login`.
func (c *client) signIn(who person) {
	c.w.Helper()
	c.signInFor(who, 8*time.Hour)
}

// signInFor is a sign-in whose access token has so long to live.
func (c *client) signInFor(who person, left time.Duration) {
	c.w.Helper()
	login := c.w.pair(who, left)
	c.hold(login)
	c.note(who, login)
}

// note writes who is signed in into the state file, completely, as the client does.
func (c *client) note(who person, login document) {
	c.w.Helper()
	state := c.readState()
	state.put("oauthAccount", map[string]any{
		"accountUuid": login.text("accountUuid"), "emailAddress": who.email(),
		"organizationUuid": login.text("organizationUuid"),
		"displayName":      string(who), "organizationName": "FAKE", "profileFetchedAt": time.Now().UnixMilli(),
	})
	c.writeState(state)
}

func (c *client) readState() document {
	state := document{}
	if data, err := os.ReadFile(c.state); err == nil {
		c.w.must(json.Unmarshal(data, &state))
	}
	return state
}

func (c *client) writeState(state document) {
	c.w.Helper()
	data, err := json.MarshalIndent(state, "", "  ")
	c.w.must(err)
	c.w.write(c.state, data, 0o600)
}

// signOut is `claude auth logout`: the whole file goes, and the server is told.
func (c *client) signOut() {
	c.w.Helper()
	refresh := c.refresh()
	c.w.must(os.RemoveAll(c.file()))
	c.others = document{}
	state := c.readState()
	delete(state, "oauthAccount")
	c.writeState(state)
	if refresh != "" {
		_, _ = c.post("/revoke", map[string]string{"token": refresh})
	}
}

// outcome is what became of a renewal by the client.
type outcome string

const (
	renewed    outcome = "renewed"
	signedOut  outcome = "signed out" // there was nothing to renew
	refused    outcome = "refused"    // the server refused the refresh token
	busy       outcome = "busy"       // somebody held the locks all the time
	unanswered outcome = "unanswered" // no response, or none that can be used
)

// renew is what any start of the client does when the access token has ended.
func (c *client) renew() outcome {
	c.w.Helper()
	if c.refresh() == "" {
		return signedOut
	}
	first, err := c.lock(".oauth_refresh.lock", time.Minute)
	if err != nil {
		return busy
	}
	defer first()
	real, err := filepath.EvalSymlinks(c.dir)
	c.w.must(err)
	second, err := c.lock(real+".lock", time.Minute)
	if err != nil {
		return busy
	}
	defer second()

	sent := c.refresh()
	if sent == "" {
		return signedOut
	}
	status, grant := c.post("", map[string]string{"grant_type": "refresh_token", "refresh_token": sent,
		"client_id": fakeclaude.ClientID,
		"scope":     "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload user:plugins"})
	third, err := c.lock(".storage-write.lock", 15*time.Second)
	if err != nil {
		return busy // and a pair is lost, if it came
	}
	defer third()
	switch {
	case status == 200 && grant.text("access_token") != "":
		return c.takeIn(sent, grant)
	case grant.text("error") == "invalid_grant":
		c.blank(sent)
		return refused
	}
	return unanswered
}

// takeIn writes a pair that came, unless another one is in its place meanwhile.
func (c *client) takeIn(sent string, grant document) outcome {
	whole, login := c.read()
	if login.text("refreshToken") != sent {
		return unanswered
	}
	next := document{}
	for _, key := range []string{"refreshTokenExpiresAt", "subscriptionType", "rateLimitTier", "accountUuid",
		"organizationUuid", "clientId"} {
		if value, ok := login[key]; ok {
			next[key] = value
		}
	}
	var seconds int64
	_ = json.Unmarshal(grant["expires_in"], &seconds)
	life := time.Duration(seconds) * time.Second
	if c.life != 0 {
		life = c.life
	}
	next["accessToken"], next["refreshToken"] = grant["access_token"], grant["refresh_token"]
	next.put("expiresAt", c.w.now().Add(life).UnixMilli())
	next.put("scopes", strings.Fields(grant.text("scope")))
	for _, key := range c.drops {
		delete(next, key)
	}
	whole.put("claudeAiOauth", next)
	c.put(whole)
	return renewed
}

// blank leaves the stub that the client leaves after a refusal.
func (c *client) blank(sent string) {
	whole, login := c.read()
	if login.text("refreshToken") != sent {
		return
	}
	login.put("accessToken", "")
	login.put("refreshToken", "")
	login.put("expiresAt", 0)
	whole.put("claudeAiOauth", login)
	c.put(whole)
}

// goesOn fails unless the client can renew what is in its entry, which is this person's.
func (c *client) goesOn(who person) {
	c.w.Helper()
	if got := c.who(); got != who {
		c.w.Fatalf("%s holds the login of %q, want %s", c.file(), got, who)
	}
	if got := c.renew(); got != renewed {
		c.w.Fatalf("Claude Code's own renewal in %s: %s", c.dir, got)
	}
}

// post is a call to the token endpoint, or below it.
func (c *client) post(below string, body map[string]string) (status int, fields document) {
	data, _ := json.Marshal(body)
	request, err := http.NewRequest("POST", c.w.server.TokenURL()+below, bytes.NewReader(data))
	c.w.must(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "axios/1.15.2")
	response, err := plain.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	_ = json.Unmarshal(text, &fields)
	return response.StatusCode, fields
}

// clientPatience is how long the client waits for a lock.
const clientPatience = 12 * time.Second

var errLockHeld = errors.New("somebody holds the lock")

// lock takes one of the client's lock directories; a name alone lies in its own directory.
func (c *client) lock(path string, stale time.Duration) (release func(), err error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.dir, path)
	}
	for deadline := time.Now().Add(clientPatience); ; time.Sleep(10 * time.Millisecond) {
		err := os.Mkdir(path, 0o700)
		switch {
		case err == nil:
			c.w.own(path)
			return func() { _ = os.Remove(path) }, nil
		case !errors.Is(err, os.ErrExist):
			return nil, err
		case c.abandoned(path, stale):
			_ = os.Remove(path)
		case time.Now().After(deadline):
			return nil, errLockHeld
		}
	}
}

// abandoned is a lock whose holder is dead, or whose time is over.
func (c *client) abandoned(path string, stale time.Duration) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if time.Since(info.ModTime()) > stale {
		return true
	}
	var owner struct{ PID int }
	data, err := os.ReadFile(filepath.Join(c.dir, ".oauth_refresh.lock.owner"))
	if err != nil || json.Unmarshal(data, &owner) != nil || owner.PID == 0 {
		return false
	}
	return errors.Is(syscall.Kill(owner.PID, 0), syscall.ESRCH) && filepath.Base(path) != ".storage-write.lock"
}

// locks are all that another program could hold.
func (c *client) locks() []string {
	return []string{filepath.Join(c.dir, ".oauth_refresh.lock"), c.dir + ".lock",
		filepath.Join(c.dir, ".storage-write.lock")}
}

// holdLocks holds locks of a living Claude Code until release.
func (c *client) holdLocks(paths ...string) (release func()) {
	for _, path := range paths {
		c.w.must(os.Mkdir(path, 0o700))
		c.w.own(path)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			for _, path := range paths {
				now := time.Now()
				_ = os.Chtimes(path, now, now)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		for _, path := range paths {
			_ = os.Remove(path)
		}
	}
}

// now is what the machine's clock says.
func (w *world) now() time.Time {
	by, _ := time.ParseDuration(w.environ["KTTEST_CLOCK"])
	return time.Now().Add(by)
}

func compact(raw json.RawMessage) []byte {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return raw
	}
	return out.Bytes()
}
