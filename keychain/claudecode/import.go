package claudecode

// DecodeEntry reads a login that somebody has in the shape of Claude Code's entry.
// What is no such JSON is ErrDamaged.
func DecodeEntry(text []byte) (Entry, error) { return parseEntry(text, "input") }
