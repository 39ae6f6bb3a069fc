package session

import "context"

// Check is one thing that `doctor` looked at.
type Check struct {
	Name    string
	State   CheckState
	Finding Finding
	Values  *Values // nil: none
	Err     error   // what went wrong, where that is the finding
}

// CheckState is how a check ended.
type CheckState string

// The states. Only CheckFail keeps the login from working.
const (
	CheckOK   CheckState = "ok"
	CheckWarn CheckState = "warn"
	CheckFail CheckState = "FAIL"
)

func fine(name string, f Finding, v *Values) []Check { return []Check{{name, CheckOK, f, v, nil}} }

func warn(name string, f Finding, v *Values) []Check { return []Check{{name, CheckWarn, f, v, nil}} }

func fail(name string, f Finding, v *Values) []Check { return []Check{{name, CheckFail, f, v, nil}} }

// wrong is a finding that an error tells.
func wrong(name string, state CheckState, f Finding, err error) []Check {
	return []Check{{name, state, f, nil, err}}
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
		d.checkLogin, d.checkOthersEnds, d.checkEntry, d.checkIdentity, d.checkPlaces, d.checkClientLocks,
		d.checkOverrides, d.checkClientSettings,
		d.checkStore, d.checkScopes, d.checkSharers, d.checkPermissions, d.checkOurLock, d.checkLeftovers, d.checkDisk,
		d.checkClock,
		d.checkPort, d.checkClaude, d.checkFacts, d.checkExports, d.checkTray,
	} {
		checks = append(checks, look(ctx, st)...)
	}
	return checks
}
