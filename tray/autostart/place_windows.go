package autostart

import (
	"errors"

	"golang.org/x/sys/windows/registry"
)

func systemPlace(func(string) string) (place, error) { return run{}, nil }

func agentPlace(func(string) string) (place, error) { return nil, ErrNoAgent }

// run is the value of the Run key.
type run struct{}

func (run) String() string { return `HKEY_CURRENT_USER\` + runKey + `, ` + runName }

func (run) read() (string, bool, error) {
	key, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer key.Close()
	command, _, err := key.GetStringValue(runName)
	if errors.Is(err, registry.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	on := true
	if notes, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE); err == nil {
		note, _, _ := notes.GetBinaryValue(runName)
		on = approved(note)
		notes.Close()
	}
	return runProgram(command), on, nil
}

func (run) write(program string) error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.SetStringValue(runName, runCommand(program)); err != nil {
		return err
	}
	return forget(approvedKey)
}

func (run) remove() error { return errors.Join(forget(runKey), forget(approvedKey)) }

// forget deletes our value of a key, if there is one.
func forget(path string) error {
	key, err := registry.OpenKey(registry.CURRENT_USER, path, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.DeleteValue(runName); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	return nil
}
