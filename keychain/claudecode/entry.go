package claudecode

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytender/internal/scope"
	"keytender/internal/secret"
	"keytender/keychain"
)

// EntryState says what Claude Code's entry holds.
type EntryState int

// The states of an entry that can be read.
const (
	Absent    EntryState = iota // there is no entry
	SignedOut                   // an entry without a login: blanked by the client, or only MCP logins in it
	SignedIn
)

func (s EntryState) String() string {
	return [...]string{"absent", "signed-out", "signed-in"}[s]
}

// Entry is Claude Code's credential entry as it was read. What it holds of others is
// kept out of reach and out of every print.
type Entry struct {
	State EntryState
	// Login is the login in it. A signed-out entry may still tell whose it was.
	// AccessEnds is zero where expiresAt is missing or no number: the client takes the
	// access token as one that does not end.
	Login keychain.Credential
	// Source is "file" or "keychain"; empty when the entry is absent.
	Source string

	whole    secret.String // the document, compact printable ASCII
	rejected Rejection     // why the client does not take the login, or ""
	unclean  bool          // the keychain item has bytes for which the client reads hex
}

// Top-level and inner keys that are read or written. Every other one is carried.
const (
	loginKey        = "claudeAiOauth"
	organizationKey = "organizationUuid" // also at the top level, written by old clients

	accessKey    = "accessToken"
	refreshKey   = "refreshToken"
	endsKey      = "expiresAt"
	loginEndsKey = "refreshTokenExpiresAt"
	scopesKey    = "scopes"
	planKey      = "subscriptionType"
	tierKey      = "rateLimitTier"
	accountKey   = "accountUuid"
)

// innerKeys are in the order in which the client writes them.
var innerKeys = []string{accessKey, refreshKey, endsKey, loginEndsKey, scopesKey, planKey, tierKey, accountKey,
	organizationKey}

// boundKeys stand beside the login and belong to its account, as the client's own logout
// has it. Every other key there belongs to the person or to nobody we know.
var boundKeys = []string{organizationKey, "trustedDeviceToken", gatewayKey, "designOauth"}

const gatewayKey = "enterpriseGateway"

// maxToken is far more than any token has. A longer one is no token.
const maxToken = 16 << 10

// maxName is more than any id or word in it has.
const maxName = 1 << 10

// requiredScope must be among the scopes, or the client says that nobody is signed in.
const requiredScope = scope.Inference

// parseEntry reads the stored bytes. Anything that is not surely understood is
// ErrDamaged: a guess would be written back later.
func parseEntry(text []byte, source string) (Entry, error) {
	whole, err := parseObject(text)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", keychain.ErrDamaged, err)
	}
	if whole.repeats(loginKey) {
		return Entry{}, fmt.Errorf("%w: %s stands in it twice", keychain.ErrDamaged, loginKey)
	}
	if string(whole.get(loginKey)) == "null" {
		whole = whole.without(loginKey) // no login to the client either
	}
	e := Entry{State: SignedOut, Source: source, whole: secret.New(string(whole.encoded())),
		rejected: NoLogin}
	if what := moved(whole); what != "" {
		return Entry{}, movedError(what)
	}
	raw := whole.get(loginKey)
	if raw == nil {
		return e, nil
	}
	if raw[0] != '{' {
		return Entry{}, fmt.Errorf("%w: %s is not an object", keychain.ErrDamaged, loginKey)
	}
	inner := members(raw)
	for _, key := range innerKeys {
		if inner.repeats(key) {
			return Entry{}, fmt.Errorf("%w: %s stands in it twice", keychain.ErrDamaged, key)
		}
	}
	e.decode(inner)
	return e, nil
}

func (e *Entry) decode(inner object) {
	l := &e.Login
	l.Access = secret.New(stringOf(inner.get(accessKey)))
	l.Refresh = secret.New(stringOf(inner.get(refreshKey)))
	l.Account = keychain.Account{
		ID: name(inner.get(accountKey)), OrganizationID: name(inner.get(organizationKey)),
		Plan: name(inner.get(planKey)), RateLimitTier: name(inner.get(tierKey)),
	}
	l.AccessEnds, _ = clientTime(inner.get(endsKey))
	l.LoginEnds, _ = clientTime(inner.get(loginEndsKey))

	scopes, isArray := scopesOf(inner.get(scopesKey))
	l.Scopes = scopes
	for _, m := range inner {
		if !slices.Contains(innerKeys, m.key) {
			if l.Unknown == nil {
				l.Unknown = map[string]secret.String{}
			}
			l.Unknown[m.key] = secret.New(string(m.value))
		}
	}

	switch {
	case tooLong(l.Access), tooLong(l.Refresh):
		e.rejected = TokenTooLong
	case l.Access.IsZero():
		e.rejected = NoAccessToken
	case !isArray:
		e.rejected = ScopesNoList
	case !slices.Contains(scopes, requiredScope):
		e.rejected = NoInferenceScope
	default:
		e.rejected = ""
	}
	if !l.Access.IsZero() {
		e.State = SignedIn
	}
}

func tooLong(token secret.String) bool { return len(token.Reveal()) > maxToken }

// Rejection names why Claude Code does not take an entry for a login.
type Rejection string

// The rejections.
const (
	NoEntry          Rejection = "rejected-no-entry"
	NoLogin          Rejection = "rejected-no-login"
	TokenTooLong     Rejection = "rejected-token-too-long"
	NoAccessToken    Rejection = "rejected-no-access-token"
	ScopesNoList     Rejection = "rejected-scopes-no-list"
	NoInferenceScope Rejection = "rejected-no-inference"
	PrintedAsHex     Rejection = "rejected-printed-as-hex" // security(1) does, for a byte that is not printable ASCII
)

// AcceptedByClient tells whether Claude Code takes the entry for a login, and why not.
func (e Entry) AcceptedByClient() (bool, Rejection) {
	if e.State == Absent {
		return false, NoEntry
	}
	if e.rejected == "" && e.unclean {
		return false, PrintedAsHex
	}
	return e.rejected == "", e.rejected
}

// Inner returns the login object as it stands in the entry, for Change.Restore; empty
// when there is none.
func (e Entry) Inner() secret.String { return secret.New(string(e.document().get(loginKey))) }

// Bound returns, as a JSON object, what stands beside the login and belongs to its account,
// for Change.Bound; empty when there is nothing.
func (e Entry) Bound() secret.String {
	bound := e.document().ofAccount()
	if bound == nil {
		return secret.String{}
	}
	return secret.New(string(bound.encoded()))
}

// ofAccount returns what belongs to the login's account; nil when there is nothing.
func (o object) ofAccount() (bound object) {
	for _, m := range o {
		if slices.Contains(boundKeys, m.key) {
			bound = bound.with(m.key, m.value)
		}
	}
	return bound
}

func (e Entry) document() object {
	if e.whole.IsZero() {
		return nil
	}
	return members([]byte(e.whole.Reveal()))
}

func (e Entry) innerObject() object {
	if raw := e.document().get(loginKey); raw != nil {
		return members(raw)
	}
	return nil
}

// stringOf returns a JSON string's text, and "" for every other value.
func stringOf(raw json.RawMessage) string {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return ""
	}
	return *s
}

// name returns a text that can be an id or a word; a longer one is none, and must not
// fill what is kept of it.
func name(raw json.RawMessage) string {
	if s := stringOf(raw); len(s) <= maxName {
		return s
	}
	return ""
}

// scopesOf reads the list. The client half-accepts the space-separated form, which is
// read too but is not a list.
func scopesOf(raw json.RawMessage) (scopes []string, isArray bool) {
	var items []any
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		return strings.Fields(stringOf(raw)), false
	}
	for _, item := range items {
		if s, ok := item.(string); ok {
			scopes = append(scopes, s)
		}
	}
	return scopes, true
}

// latest is the largest time kept: the end of the year 9999, in milliseconds.
const latest = 253402300799000

// clientTime reads milliseconds since 1970 as the client does: a number, or a string
// that holds one. known is false for everything else, which means "never" to it.
func clientTime(raw json.RawMessage) (t time.Time, known bool) {
	number := string(raw)
	if len(raw) > 0 && raw[0] == '"' {
		if number = strings.TrimSpace(stringOf(raw)); number == "" {
			number = "0" // as JavaScript's Number("")
		}
	}
	ms, err := strconv.ParseFloat(number, 64)
	if (err != nil && !math.IsInf(ms, 0)) || math.IsNaN(ms) || ms > latest {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(max(ms, 0))).UTC(), true
}
