// Package autostart makes the menu-bar app start with the person's session, by the
// means that each system shows and lets a person change: a desktop file in the
// autostart folder, a LaunchAgent, a value of the Run key. It starts nothing itself,
// asks for no permissions, and links no tray library, so the command line can use it.
package autostart

import (
	"errors"
	"os"
	"path/filepath"
)

// Entry is what starts the app with the session.
type Entry struct {
	program string
	place   place
}

// place is where a system keeps such an entry.
type place interface {
	// read returns the program that the entry names; on is false when there is none
	// or it is turned off.
	read() (program string, on bool, err error)
	write(program string) error
	remove() error
	String() string
}

// State tells how the entry stands.
type State struct {
	On      bool
	Program string // what is started
	Place   string // where that is written, in words for people
	// Stale: the program that is named is not there any more.
	Stale bool
}

// New prepares the entry for program, an absolute path. It touches nothing.
func New(program string) (*Entry, error) {
	p, err := systemPlace(os.Getenv)
	if err != nil {
		return nil, err
	}
	return &Entry{program: program, place: p}, nil
}

// ErrNoAgent says that this system has no means by which a person starts the agent.
var ErrNoAgent = errors.New("this system starts nothing by itself for a person without a desktop")

// NewAgent prepares the entry that starts the agent without a desktop, with program, an
// absolute path of the command line: a unit of the person's own systemd, or a LaunchAgent. It
// touches nothing.
func NewAgent(program string) (*Entry, error) {
	p, err := agentPlace(os.Getenv)
	if err != nil {
		return nil, err
	}
	return &Entry{program: program, place: p}, nil
}

// State reads how the entry stands now.
func (e *Entry) State() (State, error) {
	program, on, err := e.place.read()
	if err != nil {
		return State{Place: e.place.String()}, err
	}
	s := State{On: on, Program: program, Place: e.place.String()}
	if on && filepath.IsAbs(program) { // else it is looked for where the session looks
		_, err := os.Stat(program)
		s.Stale = errors.Is(err, os.ErrNotExist)
	}
	return s, nil
}

// Set turns the start with the session on, for our program, or off. What it wrote is
// read back.
func (e *Entry) Set(on bool) error {
	if on {
		if err := e.place.write(e.program); err != nil {
			return err
		}
	} else if err := e.place.remove(); err != nil {
		return err
	}
	program, now, err := e.place.read()
	if err != nil {
		return err
	}
	if now != on || on && program != e.program {
		return errors.New("it was written to " + e.place.String() + ", but does not read so")
	}
	return nil
}

// Mend points an entry whose program is gone, say after an upgrade moved it, to ours.
// One that is off stays off.
func (e *Entry) Mend() error {
	s, err := e.State()
	if err != nil || !s.On || !s.Stale || s.Program == e.program {
		return err
	}
	return e.Set(true)
}
