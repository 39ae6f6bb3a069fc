package keychain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"keytender/internal/rawjson"
	"keytender/internal/secret"
)

// maxRecord is the largest record in bytes that every OS keychain takes: Windows
// stops at 2,560, security(1) at about 3,000.
const maxRecord = 2500

// maxAccountName counts a name's signs without its dots.
const maxAccountName = 63

var errAccountName = errors.New(
	"an account name is made of letters, digits, '_', '-' and single dots, at most 63 of them, and begins with a letter or digit")

// CheckAccountName returns an error that says what a name may be made of. The dots of a
// record's second part (see RecordName) cannot occur in it. Every command asks this, and
// compiling a regular expression for it took a tenth of a command's time.
func CheckAccountName(name string) error {
	signs, joined := 0, true // joined: a dot may not stand here
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.' && !joined:
			joined = true
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-' && i > 0:
			signs, joined = signs+1, false
		default:
			return errAccountName
		}
	}
	if joined || signs > maxAccountName {
		return errAccountName
	}
	return nil
}

// RecordName names a record that is not a login itself, such as an account's API
// key. Two dots keep it apart from every account's name.
func RecordName(owner, part string) string { return owner + ".." + part }

// record is the stored form of a Credential. Times are milliseconds since 1970, as
// in the records of other tools of this field.
type record struct {
	secret.Hidden
	Type             string   `json:"type"`
	Access           string   `json:"access"`
	Refresh          string   `json:"refresh,omitempty"`
	Expires          int64    `json:"expires,omitempty"`
	LoginExpires     int64    `json:"loginExpires,omitempty"`
	LoginEstimated   bool     `json:"loginEstimated,omitempty"`
	Scopes           []string `json:"scopes,omitempty"`
	Email            string   `json:"email,omitempty"`
	AccountID        string   `json:"accountUuid,omitempty"`
	OrganizationID   string   `json:"organizationUuid,omitempty"`
	OrganizationName string   `json:"organizationName,omitempty"`
	Plan             string   `json:"plan,omitempty"`
	RateLimitTier    string   `json:"rateLimitTier,omitempty"`
	Issued           int64    `json:"issued,omitempty"`
	Lifetime         int64    `json:"lifetime,omitempty"` // milliseconds
	Method           string   `json:"method,omitempty"`

	unknown map[string]secret.String
}

// Encode returns the credential's stored form: one line of JSON.
func (c Credential) Encode() (secret.String, error) {
	known, err := json.Marshal(record{
		Type: "oauth", Access: c.Access.Reveal(), Refresh: c.Refresh.Reveal(),
		Expires: millis(c.AccessEnds), LoginExpires: millis(c.LoginEnds), LoginEstimated: c.LoginEndsEstimated,
		Scopes: c.Scopes, Email: c.Account.Email, AccountID: c.Account.ID,
		OrganizationID: c.Account.OrganizationID, OrganizationName: c.Account.Organization,
		Plan: c.Account.Plan, RateLimitTier: c.Account.RateLimitTier,
		Issued: millis(c.Issued), Lifetime: c.Lifetime.Milliseconds(), Method: string(c.Method),
	})
	if err != nil {
		return secret.String{}, fmt.Errorf("encoding the record: %w", err)
	}
	if len(c.Unknown) > 0 {
		merged := map[string]json.RawMessage{}
		for key, value := range c.Unknown {
			merged[key] = json.RawMessage(value.Reveal())
		}
		if err := json.Unmarshal(known, &merged); err != nil {
			return secret.String{}, fmt.Errorf("encoding the record: %w", err)
		}
		if known, err = json.Marshal(merged); err != nil {
			return secret.String{}, fmt.Errorf("encoding the record: %w", err)
		}
	}
	return secret.New(string(known)), nil
}

// DecodeCredential reads what Encode wrote. Whatever else it finds is ErrDamaged,
// and the error holds nothing of the text.
func DecodeCredential(stored secret.String) (Credential, error) {
	v, ok := rawjson.Parse([]byte(stored.Reveal()))
	if !ok || v[0] != '{' {
		return Credential{}, fmt.Errorf("%w: the record is not a JSON object", ErrDamaged)
	}
	var r record
	if !v.Into(&r) {
		return Credential{}, fmt.Errorf("%w: a field of the record has the wrong type", ErrDamaged)
	}
	if r.Type != "oauth" || r.Access == "" {
		return Credential{}, fmt.Errorf("%w: the record holds no access token", ErrDamaged)
	}
	return Credential{
		Access: secret.New(r.Access), Refresh: secret.New(r.Refresh),
		AccessEnds: Millis(r.Expires), LoginEnds: Millis(r.LoginExpires), LoginEndsEstimated: r.LoginEstimated,
		Scopes: r.Scopes,
		Account: Account{Email: r.Email, ID: r.AccountID, OrganizationID: r.OrganizationID,
			Organization: r.OrganizationName, Plan: r.Plan, RateLimitTier: r.RateLimitTier},
		Issued: Millis(r.Issued), Lifetime: time.Duration(max(0,
			min(r.Lifetime, math.MaxInt64/int64(time.Millisecond)))) * time.Millisecond,
		Method: Method(r.Method), Unknown: r.unknown,
	}, nil
}

// Field says where a member goes: see rawjson.Object. What is not known is kept.
func (r *record) Field(key string) any {
	switch key {
	case "type":
		return &r.Type
	case "access":
		return &r.Access
	case "refresh":
		return &r.Refresh
	case "expires":
		return &r.Expires
	case "loginExpires":
		return &r.LoginExpires
	case "loginEstimated":
		return &r.LoginEstimated
	case "scopes":
		return &r.Scopes
	case "email":
		return &r.Email
	case "accountUuid":
		return &r.AccountID
	case "organizationUuid":
		return &r.OrganizationID
	case "organizationName":
		return &r.OrganizationName
	case "plan":
		return &r.Plan
	case "rateLimitTier":
		return &r.RateLimitTier
	case "issued":
		return &r.Issued
	case "lifetime":
		return &r.Lifetime
	case "method":
		return &r.Method
	}
	return func(v rawjson.Value) bool {
		if r.unknown == nil {
			r.unknown = map[string]secret.String{}
		}
		r.unknown[key] = secret.New(string(v))
		return true
	}
}

// HasScope reports whether the login was granted the scope.
func (c Credential) HasScope(scope string) bool { return slices.Contains(c.Scopes, scope) }

// SamePair reports whether both hold the same tokens.
func (c Credential) SamePair(other Credential) bool {
	return c.Access.Equal(other.Access) && c.Refresh.Equal(other.Refresh)
}

// millis converts to milliseconds since 1970; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Millis is the time ms milliseconds after 1970. What lies outside the years 1 to
// 9999, and 0, is the zero time.
func Millis(ms int64) time.Time {
	if ms == 0 || ms > 253402300799000 || ms == math.MinInt64 || ms < -62135596800000 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
