package session

// Overriding names what stands before Claude Code's entry in this environment, a list of
// NAME=VALUE. Values are never shown.
func (e *Engine) Overriding(environ []string) []string {
	if e.entry == nil {
		return nil
	}
	return e.entry.OverridingIn(environ)
}
