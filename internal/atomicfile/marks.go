package atomicfile

// marks are what a file system says of a file beside its permissions.
type marks struct {
	path       string
	fixed      string // why it cannot be replaced, or ""
	mountPoint bool   // another file is laid over it: it can be overwritten, not replaced
}
