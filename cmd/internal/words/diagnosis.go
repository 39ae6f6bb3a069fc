package words

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"runtime"
	"strings"
	"time"

	"keytender/internal/config"
	"keytender/internal/pattern"
	"keytender/internal/secret"
	"keytender/internal/session"
)

// Diagnosed is the report where there is nothing but checks: no place to keep anything.
func Diagnosed(checks []Check) string {
	return withoutNames(checkLines(time.Now(), checks), userName())
}

func checkLines(now time.Time, checks []Check) string {
	var out strings.Builder
	fmt.Fprintf(&out, "keytender %s, %s/%s, %s\n\n", session.Version, runtime.GOOS, runtime.GOARCH,
		now.Format(time.RFC3339))
	for _, check := range checks {
		fmt.Fprintf(&out, "%-4s %s: %s\n", check.State, check.Name, check.Detail)
	}
	return out.String()
}

// Diagnosis is what was found, the settings and the end of the history, in a text that is
// safe to show around: who and where somebody is, and whatever looks like a token, is taken
// out.
func Diagnosis(ctx context.Context, engine *session.Engine, checks []Check) string {
	var out strings.Builder
	out.WriteString(checkLines(time.Now().UTC(), checks))
	out.WriteString("\nWhy\n" + Why(ctx, engine) + "\n\nSettings\n")
	settings := engine.Config()
	for _, name := range settings.Names() {
		fmt.Fprintf(&out, "%s = %s (%s)\n", name, settings.Origin[name].Value, settings.Origin[name].From)
	}
	out.WriteString("\nHistory\n")
	records, _ := engine.History()
	for _, r := range records[max(0, len(records)-30):] {
		fmt.Fprintf(&out, "%s %s by %s %s\n", r.At.UTC().Format(time.RFC3339), r.What, r.Who, Detail(r))
	}
	return without(engine, out.String())
}

// without takes out what tells who somebody is.
func without(engine *session.Engine, text string) string {
	names, _, _ := engine.AccountNames()
	return withoutNames(text, append(names, userName())...)
}

var (
	emailShape      = pattern.New(`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}( \([^)]+\))?`) // and organization
	idShape         = pattern.New(`\b(account|organization) \(?[^\s(]{1,8}…\)?`)
	repositoryShape = pattern.New(`\b(to|in|--repo) [A-Za-z0-9-]+/[A-Za-z0-9._-]+`)
)

// withoutNames takes tokens, e-mails, ids, repositories, the home folder and names out.
func withoutNames(text string, names ...string) string {
	text = secret.Tokens().ReplaceAllString(text, "[redacted]")
	text = emailShape().ReplaceAllString(text, "EMAIL")
	text = idShape().ReplaceAllString(text, "$1")
	text = repositoryShape().ReplaceAllString(text, "$1 OWNER/NAME")
	if home, err := config.Home(); err == nil && len(home) > 1 {
		text = strings.ReplaceAll(text, home, "~")
	}
	for _, name := range names {
		for _, part := range []string{name, name[strings.LastIndexByte(name, '\\')+1:]} { // DOMAIN\user on Windows
			if len(part) <= 2 || part == "default" {
				continue
			}
			alone := regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(part) + `(\W|$)`)
			for range 2 { // a match takes the separator that the next one begins with
				text = alone.ReplaceAllString(text, "${1}NAME${2}")
			}
		}
	}
	return text
}

// userName asks Windows, which may ask a server: only a diagnosis does.
func userName() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}
