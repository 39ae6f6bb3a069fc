package autostart

import (
	"os"
	"path/filepath"

	"keytender/tray/autostart/launchagent"
)

func systemPlace(func(string) string) (place, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	return file{filepath.Join(home, "Library", "LaunchAgents", launchagent.Label+".plist"), launchagent.Render, launchagent.Parse}, nil
}
