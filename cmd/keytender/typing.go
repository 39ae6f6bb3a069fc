package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keytender/internal/pattern"
)

// otherNames are what people call a verb who know another program. Completion leaves them out.
func otherNames() map[string][]string {
	return map[string][]string{
		"login":    {"signin", "sign-in", "auth", "authenticate"},
		"logout":   {"signout", "sign-out"},
		"status":   {"whoami", "who", "info", "me", "account", "expiry"},
		"token":    {"print-token", "get-token", "access-token"},
		"refresh":  {"renew"},
		"switch":   {"use", "select"},
		"accounts": {"list", "ls", "profiles"},
		"doctor":   {"check", "diagnose", "fix"},
		"history":  {"log", "logs"},
		"mirror":   {"sync"},
		"tray":     {"gui", "app"},
	}
}

// nearVerb is the hint about a verb that was mistyped. What was typed is not repeated:
// it may be a token.
func nearVerb(cmd *cobra.Command, typed string) string {
	hint := "`" + cmd.CommandPath() + " --help` lists what there is"
	if !cmd.HasParent() {
		hint = "`keytender help` lists the verbs"
	}
	near, least := "", 3
	for _, verb := range cmd.Commands() {
		d := distance(typed, verb.Name())
		if slices.Contains(verb.SuggestFor, typed) {
			d = 0
		}
		if d < least {
			near, least = verb.Name(), d
		}
	}
	if near != "" {
		return "did you mean `" + cmd.CommandPath() + " " + near + "`? " + hint
	}
	return hint
}

var flagShape = pattern.New(`^[a-z][a-z-]{0,19}$`)

// flagError says in our words what is wrong with a flag. The library's quote Go, and what
// was typed.
func flagError(cmd *cobra.Command, err error) error {
	hint := "`" + cmd.CommandPath() + " --help` lists the flags"
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if near := nearFlag(cmd.Flags(), name); near != "" {
			hint = "did you mean --" + near + "? " + hint
		}
		if !flagShape().MatchString(name) || len(name) < 2 {
			return &usageError{"there is no such flag", hint}
		}
		return &usageError{"there is no flag --" + name, hint}
	case errors.As(err, &missing):
		return &usageError{"--" + missing.GetFlag().Name + " needs a value", hint}
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return &usageError{fmt.Sprintf("--%s takes %s", f.Name, kinds[f.Value.Type()]), hint}
	}
	return &usageError{"these flags cannot be used", hint}
}

// kinds of flags that can be given a wrong value.
var kinds = map[string]string{
	"duration": "a length of time, say 90s, 5m or 8h",
	"length":   "a length of time, say 90m, 72h, 3d or 2w",
	"int":      "a whole number",
	"bool":     "true or false",
}

// nearFlag is the flag that somebody meant; empty: none comes near.
func nearFlag(flags *pflag.FlagSet, typed string) (near string) {
	least := 3
	flags.VisitAll(func(f *pflag.Flag) {
		if d := distance(typed, f.Name); !f.Hidden &&
			(d < least || len(typed) > 2 && least == 3 && strings.HasPrefix(f.Name, typed)) {
			near, least = f.Name, min(d, least-1)
		}
	})
	return near
}

// distance counts the letters to change, add, take away or swap with their neighbour.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
