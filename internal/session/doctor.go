package session

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"
)

// Check is one thing that `doctor` looked at.
type Check struct {
	Name   string     `json:"name"`
	State  CheckState `json:"state"`
	Detail string     `json:"detail"` // what was found
	Means  string     `json:"means"`  // what that does to the person; empty when all is well
	Hint   string     `json:"hint"`   // what to do; empty when nothing is
}

// CheckState is how a check ended.
type CheckState string

// The states. Only CheckFail keeps the login from working.
const (
	CheckOK   CheckState = "ok"
	CheckWarn CheckState = "warn"
	CheckFail CheckState = "FAIL"
)

func fine(name, format string, args ...any) Check {
	return Check{Name: name, State: CheckOK, Detail: fmt.Sprintf(format, args...)}
}

func warn(name, detail, means, hint string) Check {
	return Check{name, CheckWarn, detail, means, hint}
}

func fail(name, detail, means, hint string) Check {
	return Check{name, CheckFail, detail, means, hint}
}

// doctor looks for what has been seen to go wrong, and says why somebody is signed out.
type doctor struct{ *Engine }

func (e *Engine) doctor() doctor { return doctor{e} }

// Examine looks at everything that has been seen to go wrong. It changes nothing and
// sends nothing; Claude Code alone is started, to ask its version.
func (e *Engine) Examine(ctx context.Context) []Check {
	return e.doctor().examine(ctx)
}

func (d doctor) examine(ctx context.Context) []Check {
	ctx = oneClaude(oneWait(ctx))
	st := d.Status(ctx)
	if st.Role == RoleWatch {
		return d.examineWatched(ctx, st)
	}
	var checks []Check
	for _, look := range []func(context.Context, Status) []Check{
		d.checkLogin, d.checkOthersEnds, d.checkEntry, d.checkIdentity, d.checkPlaces, d.checkClientLocks, d.checkOverrides, d.checkClientSettings,
		d.checkStore, d.checkScopes, d.checkSharers, d.checkPermissions, d.checkOurLock, d.checkLeftovers, d.checkDisk, d.checkClock,
		d.checkPort, d.checkClaude, d.checkFacts, d.checkExports, d.checkTray,
	} {
		checks = append(checks, look(ctx, st)...)
	}
	return checks
}

// Worst puts what needs the person first: FAIL, then warn, each in the order in which it
// was looked at.
func Worst(checks []Check) []Check {
	order := []CheckState{CheckFail, CheckWarn, CheckOK}
	sorted := slices.Clone(checks)
	sort.SliceStable(sorted, func(i, j int) bool {
		return slices.Index(order, sorted[i].State) < slices.Index(order, sorted[j].State)
	})
	return sorted
}

// day writes a point in time as people say it, with its zone.
func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }
