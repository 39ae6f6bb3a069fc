package autostart

import "os"

func systemPlace(func(string) string) (place, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	return launchAgent(home), nil
}
