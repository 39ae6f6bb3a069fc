package session

import "path/filepath"

// where reads what the person typed.
func (o LendOptions) where() (lentTo, error) {
	return lentTo{Dir: filepath.Clean(o.Dir)}, nil
}
