package claudecode

import (
	"errors"
	"testing"
	"time"

	"keytender/keychain"
)

// TestRegisterOfFacts: each fact has a version and a date, and none was checked with a
// newer client than the whole was.
func TestRegisterOfFacts(t *testing.T) {
	r := Facts()
	if len(r.Facts) < 5 || NewerThanFacts(r.Checked) {
		t.Fatalf("%+v", r)
	}
	for _, f := range r.Facts {
		if f.Fact == "" || compareVersions(f.Version, r.Checked) < 0 {
			t.Errorf("%q was checked with %s, the register says %s", f.Fact, f.Version, r.Checked)
		}
		if _, err := time.Parse(time.DateOnly, f.Date); err != nil {
			t.Errorf("%q: %v", f.Fact, err)
		}
	}
	for version, newer := range map[string]bool{"2.1.9999": true, "2.2.0": true, "3.0": true, "2.1.88": false,
		"1.9.999": false, "": false} {
		if NewerThanFacts(version) != newer {
			t.Errorf("%s: newer %v", version, !newer)
		}
	}
}

// TestMovedEntryIsLeftAlone: an entry in a shape that no fact covers is neither a login nor
// damaged, so that nothing is written over it.
func TestMovedEntryIsLeftAlone(t *testing.T) {
	for text, isMoved := range map[string]bool{
		`{"claudeAiOauth":{"accessToken":{"sealed":"FAKE"},"refreshToken":"FAKE-r"}}`:                    true,
		`{"claudeAiOauth":{"accessToken":"FAKE-a","refreshToken":["FAKE"],"scopes":["user:inference"]}}`: true,
		`{"claudeOauthV2":{"accessToken":"sk-ant-oat02-FAKE"},"mcpOAuth":{}}`:                            true,
		`{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}`:                           false,
		`{"claudeAiOauth":{"accessToken":7}}`:                                                            false,
		`{"designOauth":{"accessToken":"sk-ant-oat01-FAKE"}}`:                                            false,

		`{"mcpOAuth":{"x|1":{"accessToken":"sk-ant-oat01-FAKE"}},"other":{"accessToken":"FAKE"},"claudeAiOauth":{"scopes":[]}}`: false,
	} {
		_, err := DecodeEntry([]byte(text))
		unusable := &UnusableError{}
		if errors.As(err, &unusable) != isMoved || errors.Is(err, keychain.ErrDamaged) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
