package fakeclaude

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// codeLife is how long an authorization code can be exchanged (RFC 6749 §4.1.2).
const codeLife = 10 * time.Minute

// knownScopes are all that the real client has been seen to ask for.
var knownScopes = strings.Fields(`org:create_api_key user:profile user:inference user:sessions:claude_code
	user:mcp_servers user:file_upload user:plugins user:privacy_consents:write org:desktop_config`)

// ledger knows everything that was issued. Server.mu guards it.
type ledger struct {
	serial int
	codes  map[string]*code
	tokens map[string]*token
	keys   map[string]bool // API keys

	verifiers map[string]bool // those that came
}

func newLedger() ledger {
	return ledger{codes: map[string]*code{}, tokens: map[string]*token{}, keys: map[string]bool{},
		verifiers: map[string]bool{}}
}

// code is an authorization code and all it is bound to.
type code struct {
	account     account
	scopes      []string
	redirectURI string
	challenge   string
	state       string
	ends        time.Time
	spent       bool
	family      *family // what it was exchanged for
}

// family is one login: every token that descends from one sign-in.
type family struct {
	account account
	scopes  []string
	ends    time.Time // no renewal moves it
	revoked bool
	newest  string // refresh token
	number  int
}

// token is an access or a refresh token.
type token struct {
	family  *family
	refresh bool
	scopes  []string
	ends    time.Time
	spent   bool // refresh: used once
	revoked bool // alone, by the revocation endpoint
}

func (t *token) alive(now time.Time) bool {
	return t != nil && !t.spent && !t.revoked && !t.family.revoked && now.Before(t.ends)
}

func (l *ledger) name(format string) string {
	l.serial++
	return fmt.Sprintf(format, l.serial, rand.Text()[:8])
}

func (l *ledger) addCode(c code) string {
	name := l.name("FAKE-code-%d-%s")
	l.codes[name] = &c
	return name
}

func (l *ledger) addAccess(f *family, scopes []string, ends time.Time) string {
	name := l.name("sk-ant-oat01-FAKE-%d-%s")
	l.tokens[name] = &token{family: f, scopes: scopes, ends: ends}
	return name
}

func (l *ledger) addRefresh(f *family) string {
	name := l.name("sk-ant-ort01-FAKE-%d-%s")
	l.tokens[name] = &token{family: f, refresh: true, scopes: f.scopes, ends: f.ends}
	if f.newest = name; f.number == 0 {
		f.number = l.serial
	}
	return name
}

func (l *ledger) addKey() string {
	name := l.name("sk-ant-api03-FAKE-%d-%s")
	l.keys[name] = true
	return name
}

// account is a person as the server sees them.
type account struct {
	email, uuid, organization, organizationUUID, plan string
}

// accountOf makes ids out of names, so that one e-mail is one account in every run.
func accountOf(email, organization, plan string) account {
	if organization == "" {
		organization = email + "'s Organization"
	}
	return account{email, uuidOf("account " + email), organization, uuidOf("organization " + organization), plan}
}

func (b Behaviour) signedIn() account { return accountOf(b.Account, b.Organization, b.Plan) }

func uuidOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80 // version and variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (a account) rateLimitTier() string {
	if a.plan == "max" {
		return "default_claude_max_5x"
	}
	return "default_claude_ai"
}

// Issue makes a valid pair for an e-mail without a sign-in, with every scope that
// lets Claude Code work, and the lifetimes of the moment.
func (s *Server) Issue(email string) (access, refresh string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, b := s.now(), s.switches
	b.Account = email
	f := &family{account: b.signedIn(), scopes: slices.Clone(knownScopes[:7]), ends: now.Add(b.LoginLife)}
	return s.ledger.addAccess(f, f.scopes, now.Add(b.AccessLife)), s.ledger.addRefresh(f)
}

// Alive reports whether an access or refresh token would be taken right now.
func (s *Server) Alive(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.tokens[token].alive(s.now())
}

// Spent reports whether a refresh token was used for a renewal.
func (s *Server) Spent(refresh string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ledger.tokens[refresh]
	return t != nil && t.spent
}

// FamilyRevoked reports whether the login that a token belongs to was revoked.
func (s *Server) FamilyRevoked(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ledger.tokens[token]
	return t != nil && t.family.revoked
}

// Newest is the one refresh token that the login which a token belongs to can still be
// renewed with; empty when that login is at its end.
func (s *Server) Newest(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ledger.tokens[token]
	if t == nil || !s.ledger.tokens[t.family.newest].alive(s.now()) {
		return ""
	}
	return t.family.newest
}

// Owner is the e-mail of the account that a token was issued for; empty for an unknown one.
func (s *Server) Owner(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ledger.tokens[token]
	if t == nil {
		return ""
	}
	return t.family.account.email
}

// Login numbers the login that a token belongs to; 0 is that of an unknown one, and of one
// that has no refresh token.
func (s *Server) Login(token string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.ledger.tokens[token]; t != nil {
		return t.family.number
	}
	return 0
}

// RevokeFamily ends the login that a token belongs to, as if the person had signed
// out everywhere.
func (s *Server) RevokeFamily(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.ledger.tokens[token]; t != nil {
		t.family.revoked = true
	}
}

// Expire ends one token now, whatever its owner was told.
func (s *Server) Expire(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.ledger.tokens[token]; t != nil {
		t.ends = s.now()
	}
}

// Secrets returns every code, token and API key that was issued and every verifier
// that came, so that a test can look for them where they must not be.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Keys(s.ledger.verifiers))
	all = slices.AppendSeq(all, maps.Keys(s.ledger.codes))
	all = slices.AppendSeq(all, maps.Keys(s.ledger.tokens))
	return slices.AppendSeq(all, maps.Keys(s.ledger.keys))
}
