package claudecode

import "strings"

// StateDamaged reports whether the client's state file is there and is no JSON object.
func (d *Directory) StateDamaged() bool {
	data, err := readSettings(d.stateFile())
	if err != nil || len(strings.TrimSpace(string(data))) == 0 {
		return false
	}
	_, err = parseState(data)
	return err != nil
}

// Blanked reports whether the client blanked the entry after the server had refused its
// renewal, and did not sign out of it.
func (e Entry) Blanked() bool {
	inner := e.innerObject()
	return e.State == SignedOut && inner.get(accessKey) != nil && e.Login.Access.IsZero()
}
