package autostart

import (
	"os"
	"path/filepath"

	"keytender/tray/autostart/launchagent"
)

func systemPlace(func(string) string) (place, error) {
	return launchAgent(launchagent.Label, launchagent.Render)
}

func agentPlace(func(string) string) (place, error) {
	return launchAgent(launchagent.AgentLabel, launchagent.RenderAgent)
}

func launchAgent(label string, render func(string) string) (place, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	return file{filepath.Join(home, "Library", "LaunchAgents", label+".plist"), render, launchagent.Parse}, nil
}
