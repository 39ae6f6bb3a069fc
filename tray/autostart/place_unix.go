//go:build !windows && !darwin

package autostart

import (
	"errors"
	"path/filepath"
)

func systemPlace(getenv func(string) string) (place, error) {
	folder := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(folder) { // the specification ignores relative ones
		home := getenv("HOME")
		if home == "" {
			return nil, errors.New("HOME is not set")
		}
		folder = filepath.Join(home, ".config")
	}
	return desktopFile(folder), nil
}
