package session

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"keytender/internal/config"
)

// MayWrite is asked before anything is written, here and by the verbs that write what is
// not the engine's. Under sudo another person's home is often
// still HOME: what root wrote there they could neither read nor remove, and Claude Code
// would be signed out for them.
func (e *Engine) MayWrite() error {
	home, _ := config.Home()
	p := e.config.Paths
	places := []string{p.State, p.Credentials}
	if e.entryErr == nil && e.config.Mirror {
		places = append(places, e.entry.File())
	}
	return runner{os.Geteuid(), home, ownerOf}.notOurs(p.State, places)
}

// runner is who this runs as, and over whose home.
type runner struct {
	uid   int
	home  string
	owner func(path string) (uid int, err error)
}

// notOurs is nil for a person over their own folders, and for root over what is not the
// person's whose home it is.
func (r runner) notOurs(state string, places []string) error {
	if r.uid < 0 { // Windows
		return nil
	}
	if other, err := r.owner(state); err == nil && other != r.uid {
		return failedBy(codeNotYours, FaultFolderNotYours, Values{Path: state, Owner: strconv.Itoa(other)}, nil)
	}
	person, err := r.owner(r.home)
	if r.uid != 0 || err != nil || person == 0 {
		return nil
	}
	for _, place := range places {
		if nearestOwner(place, r.owner) == 0 {
			continue
		}
		return failedBy(codeNotYours, FaultHomeNotYours, Values{Path: r.home, Owner: strconv.Itoa(person)}, nil)
	}
	return nil
}

// nearestOwner is whose a path is, or would be for all that its owner can do about it: that
// of the nearest folder above that exists.
func nearestOwner(path string, owner func(string) (int, error)) int {
	for {
		uid, err := owner(path)
		above := filepath.Dir(path)
		if err == nil || above == path {
			return uid
		}
		path = above
	}
}

func ownerOf(path string) (int, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	uid, ok := statOwner(info)
	if !ok {
		return 0, fs.ErrInvalid
	}
	return uid, nil
}
