package words

import (
	"cmp"
	"fmt"
	"io/fs"
	"time"

	"keytender/internal/session"
)

// Check is one thing that `doctor` looked at, in words.
type Check struct {
	_ [0]func() // nobody compares two

	Name   string             `json:"name"`
	State  session.CheckState `json:"state"`
	Detail string             `json:"detail"` // what was found
	Means  string             `json:"means"`  // what that does to the person; empty when all is well
	Hint   string             `json:"hint"`   // what to do; empty when nothing is
}

// found is a finding in words.
type found struct {
	finding             session.Finding
	detail, means, hint string
}

// Checks puts what the engine found into words.
func Checks(checks []session.Check) []Check {
	said := make([]Check, 0, len(checks))
	for _, c := range checks {
		f, v := ofFinding(c.Finding), inWords(valuesOf(c.Values, c.Err))
		said = append(said, Check{Name: c.Name, State: c.State, Detail: v.Replace(f.detail), Means: v.Replace(f.means),
			Hint: v.Replace(f.hint)})
	}
	return said
}

func ofFinding(f session.Finding) found {
	for _, subject := range [][]found{loginFindings, entryFindings, clientFindings, machineFindings} {
		for _, w := range subject {
			if w.finding == f {
				return w
			}
		}
	}
	return found{detail: string(f)}
}

// Worst puts what needs the person first: FAIL, then warn, each in the order in which it
// was looked at.
func Worst(checks []Check) []Check {
	sorted := make([]Check, 0, len(checks))
	for _, state := range []session.CheckState{session.CheckFail, session.CheckWarn, session.CheckOK} {
		for _, c := range checks {
			if c.State == state {
				sorted = append(sorted, c)
			}
		}
	}
	return sorted
}

// valuesOf are the values that are said, with what err says and what to do about it.
func valuesOf(v *session.Values, err error) (all session.Values) {
	if v != nil {
		all = *v
	}
	if err != nil {
		message, hint, _ := Of(err)
		all.Repair = cmp.Or(all.Repair, hint)
		if all.Because == nil {
			all.Reason = cmp.Or(all.Reason, message)
		}
	}
	return all
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%04o", mode) }

// may says what others may do with a file of that mode.
func may(mode fs.FileMode) string {
	switch {
	case mode&0o022 == 0:
		return "read it"
	case mode&0o044 == 0:
		return "write into it"
	}
	return "read it and write into it"
}

func aheadOrBehind(off time.Duration) string {
	if off > 0 {
		return "behind"
	}
	return "ahead"
}

func estimate(estimated bool) string {
	if estimated {
		return " (the server did not say when; this is an estimate)"
	}
	return ""
}
