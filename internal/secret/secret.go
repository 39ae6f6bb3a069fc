// Package secret holds text that must never be shown: tokens, codes, verifiers,
// API keys. Whatever prints, logs or marshals a String gets "[redacted]"; the one
// way to the text is Reveal, so that every place that reads it can be found by
// searching for that word.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"keytender/internal/pattern"
)

const redacted = "[redacted]"

// Tokens finds what looks like a token or an API key of Anthropic's in a text.
var Tokens = pattern.New(`(?i)sk-ant-[a-z0-9_-]*`)

// String is a secret text. The zero value is the empty secret.
//
// It holds a pointer because fmt prints unexported struct fields without calling
// their methods: a pointer is then all that can be seen.
type String struct{ text *string }

// New wraps text.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return String{&text}
}

// Reveal returns the text itself.
func (s String) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.text == nil || *s.text == "" }

// Equal compares in constant time.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Fingerprint names the secret without revealing it: 16 hex digits of its SHA-256,
// or "" for the empty secret. Tokens have far more entropy than can be searched.
func (s String) Fingerprint() string {
	if s.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:8])
}

// knownPrefixes are the token kinds that Anthropic issues. A prefix says what a
// token is and nothing of its secret part.
var knownPrefixes = []string{"sk-ant-oat01-", "sk-ant-ort01-", "sk-ant-api03-", "sk-ant-admin01-"}

// Masked shows the kind of the token and its last four characters; of a short
// secret it shows nothing, since four characters could be most of it.
func (s String) Masked() string {
	text, prefix := s.Reveal(), ""
	for _, p := range knownPrefixes {
		if strings.HasPrefix(text, p) {
			prefix = p
		}
	}
	rest := text[len(prefix):]
	if len(rest) < 20 {
		return prefix + "…"
	}
	return prefix + "…" + rest[len(rest)-4:]
}

// Format prints "[redacted]" for every verb and flag.
func (s String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns "[redacted]".
func (s String) String() string { return redacted }

// LogValue keeps the text out of log/slog handlers.
func (s String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps the text out of every encoder; what must store a secret
// reveals it by name.
func (s String) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Hidden is embedded in a type that has to hold a secret as plain text, on its way to
// the wire or to the disk. Whatever prints or logs a value of it gets "[redacted]";
// encoders see all of it, since that is what such a type is for.
type Hidden struct {
	_ [0]func() // nobody compares two
}

// Format prints "[redacted]" for every verb and flag.
func (Hidden) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns "[redacted]".
func (Hidden) String() string { return redacted }

// LogValue keeps the text out of log/slog handlers.
func (Hidden) LogValue() slog.Value { return slog.StringValue(redacted) }
