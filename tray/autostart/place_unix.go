//go:build !windows && !darwin

package autostart

import (
	"errors"
	"path/filepath"
)

func systemPlace(getenv func(string) string) (place, error) {
	folder, err := configFolder(getenv)
	return desktopFile(folder), err
}

func agentPlace(getenv func(string) string) (place, error) {
	folder, err := configFolder(getenv)
	return userUnit(folder), err
}

func configFolder(getenv func(string) string) (string, error) {
	folder := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(folder) { // the specification ignores relative ones
		home := getenv("HOME")
		if home == "" {
			return "", errors.New("HOME is not set")
		}
		folder = filepath.Join(home, ".config")
	}
	return folder, nil
}
