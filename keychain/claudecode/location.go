package claudecode

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Location says where an entry is, in a form that outlives the environment that named
// it. It holds no secret.
type Location struct {
	_ [0]func() // nobody compares two

	Dir      string `json:"dir"`                // credentials and locks, absolute
	Settings string `json:"settings,omitempty"` // directory of settings.json, when another
	State    string `json:"state,omitempty"`    // the client's state file
	File     string `json:"file,omitempty"`     // when a variable named the file itself
	Service  string `json:"service,omitempty"`  // macOS keychain item
	Account  string `json:"account,omitempty"`
}

// At returns the entry at a recorded location: no variable of the environment moves it.
func At(l Location, c Config) *Directory {
	c = c.orDefaults()
	if c.Home == "" {
		c.Home, _ = os.UserHomeDir() // only the settings of another program are looked for there
	}
	d := &Directory{
		env: environment(c.LookupEnv), home: c.Home, goos: c.GOOS, dir: l.Dir, settingsDir: l.Settings,
		state: l.State, file: l.File, pathOverridden: l.File != "", now: c.Now, ownerNote: c.OwnerNote,
	}
	if d.settingsDir == "" {
		d.settingsDir = d.dir
	}
	if d.file == "" {
		d.file = filepath.Join(d.dir, fileName)
	}
	if d.state == "" {
		d.state = filepath.Join(d.settingsDir, stateName)
	}
	if l.Service != "" {
		d.item = c.item(l.Service, l.Account)
	}
	return d
}

// Found is At for an entry whose ID is known. Where a link on its path leads elsewhere by
// now, it is looked for where it led.
func Found(id string, l Location, c Config) *Directory {
	d := At(l, c)
	path, isFile := strings.CutPrefix(id, "file:")
	if !isFile || d.item != nil || d.ID() == id {
		return d
	}
	if l.File != "" {
		l.File = path
	} else {
		l.Dir, l.Settings = filepath.Dir(path), d.settingsDir
	}
	if there := At(l, c); there.ID() == id {
		return there
	}
	return d // the directory itself was moved, and left a link
}

// Location returns what At needs to find this entry again.
func (d *Directory) Location() Location {
	l := Location{Dir: d.dir, State: d.state}
	if d.settingsDir != d.dir {
		l.Settings = d.settingsDir
	}
	if d.pathOverridden {
		l.File = d.file
	}
	if d.item != nil {
		l.Service, l.Account = d.item.service, d.item.account
	}
	return l
}

// ID is one text for one entry, the same for two spellings of a directory and for links
// to it. It stays what it was first, or at the last Relocate: a report asks twenty times.
func (d *Directory) ID() string {
	if id := d.id.Load(); id != nil {
		return *id
	}
	return d.Relocate()
}

// Relocate returns the ID that the entry has now: a link may lead elsewhere.
func (d *Directory) Relocate() string {
	id := "file:" + filepath.Join(realPath(filepath.Dir(d.file)), filepath.Base(d.file))
	if d.item != nil {
		id = "item:" + d.item.service + "/" + d.item.account
	}
	d.id.Store(&id)
	return id
}

// realPath follows the links of as much of path as there is.
func realPath(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real
	}
	parent := filepath.Dir(path)
	if parent == path || !errors.Is(err, fs.ErrNotExist) {
		return filepath.Clean(path)
	}
	return filepath.Join(realPath(parent), filepath.Base(path))
}

// orDefaults fills in this machine and this person.
func (c Config) orDefaults() Config {
	if c.LookupEnv == nil {
		c.LookupEnv = os.LookupEnv
	}
	if c.GOOS == "" {
		c.GOOS = runtime.GOOS
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Security == nil {
		c.Security = runSecurity
	}
	return c
}

func (c Config) item(service, account string) *item {
	return &item{service: service, account: account, run: c.Security, now: c.Now, argvAllowed: c.ArgvAllowed}
}
