package autostart

import (
	"errors"

	"golang.org/x/sys/windows/registry"
)

func systemPlace(func(string) string) (place, error) { return run{runKey, approvedKey}, nil }

func agentPlace(func(string) string) (place, error) { return nil, ErrNoAgent }

// run is our value of the Run key, and of the one where the task manager notes what is off.
type run struct{ key, notes string }

func (r run) String() string { return `HKEY_CURRENT_USER\` + r.key + `, ` + runName }

func (r run) read() (string, bool, error) {
	key, err := registry.OpenKey(registry.CURRENT_USER, r.key, registry.QUERY_VALUE)
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
	if notes, err := registry.OpenKey(registry.CURRENT_USER, r.notes, registry.QUERY_VALUE); err == nil {
		note, _, _ := notes.GetBinaryValue(runName)
		on = approved(note)
		notes.Close()
	}
	return runProgram(command), on, nil
}

func (r run) write(program string) error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, r.key, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.SetStringValue(runName, runCommand(program)); err != nil {
		return err
	}
	return forget(r.notes)
}

func (r run) remove() error { return errors.Join(forget(r.key), forget(r.notes)) }

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
