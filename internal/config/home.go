package config

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Home is the person's home folder: where HOME is not set, as in a system service, the one
// of the password file, which is where Claude Code looks then too.
func Home() (string, error) {
	home, err := os.UserHomeDir()
	if err == nil {
		return home, nil
	}
	// By id: user.Current would ask the environment again.
	u, lookupErr := user.LookupId(strconv.Itoa(os.Getuid()))
	if lookupErr != nil || !filepath.IsAbs(u.HomeDir) {
		return "", errors.Join(err, lookupErr)
	}
	return u.HomeDir, nil
}
