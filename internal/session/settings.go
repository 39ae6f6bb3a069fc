package session

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/keychain"
)

// settings is what an installation remembers between runs: no secret. It is
// written under the lock.
type settings struct {
	Version  int      `json:"version"`
	Store    string   `json:"store,omitempty"` // keychain or file: chosen at the first sign-in, never changed in silence
	Active   string   `json:"active,omitempty"`
	Accounts []string `json:"accounts,omitempty"`
	// Mirror is the person's choice in the menu; nil leaves it to the configuration.
	Mirror *bool `json:"mirror,omitempty"`
	// TermsShown: the notice about Anthropic's terms was shown once.
	TermsShown bool `json:"termsShown,omitempty"`
	// APIKeys are the accounts that an API key is kept for.
	APIKeys []string `json:"apiKeys,omitempty"`
	// Displaced: a login that a mirror displaced is kept in the store.
	Displaced bool `json:"displaced,omitempty"`
}

const maxStateFile = 1 << 20

func (e *Engine) statePath(name string) string { return filepath.Join(e.config.Places.State, name) }

// readState reads a JSON file of ours into v. A missing file leaves v as it is.
func (e *Engine) readState(name string, v any) error {
	data, err := atomicfile.Read(e.statePath(name), maxStateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return e.storageTrouble(e.statePath(name)+" cannot be read", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return damagedState(e.statePath(name))
	}
	return nil
}

func damagedState(path string) *Error {
	return failed("damaged", path+" is damaged",
		"nothing was overwritten; move the file away and sign in again with `keytender login`", keychain.ErrDamaged)
}

func (e *Engine) writeState(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(e.statePath(name), append(data, '\n')); err != nil {
		return e.storageTrouble(e.statePath(name)+" cannot be written", err)
	}
	return nil
}

func (e *Engine) settings() (settings, error) {
	s := settings{Version: 1}
	if err := e.readState("settings.json", &s); err != nil {
		return settings{}, err
	}
	if !s.usable() {
		return settings{}, damagedState(e.statePath("settings.json"))
	}
	return s, nil
}

// usable refuses what would lead to another store or out of our folder.
func (s settings) usable() bool {
	names := slices.Clone(s.Accounts)
	if s.Active != "" {
		names = append(names, s.Active)
	}
	bad := func(name string) bool { return keychain.CheckAccountName(name) != nil }
	return slices.Contains([]string{"", "keychain", "file"}, s.Store) && !slices.ContainsFunc(names, bad)
}

func (e *Engine) changeSettings(change func(*settings)) error {
	s, err := e.settings()
	if err != nil {
		return err
	}
	before, _ := json.Marshal(s)
	change(&s)
	if after, _ := json.Marshal(s); string(after) == string(before) {
		return nil
	}
	return e.writeState("settings.json", s)
}

// account returns the account's name to work on: the given one, else the active
// one, else "default".
func (s settings) account(name string) string {
	switch {
	case name != "":
		return name
	case s.Active != "":
		return s.Active
	}
	return "default"
}

// checkAccount refuses a name that no account can have.
func checkAccount(name string) error {
	if err := keychain.CheckAccountName(name); err != nil {
		return unusableName(err.Error(), err)
	}
	return nil
}

func unusableName(message string, err error) error {
	return &Error{Code: "usage", Exit: ExitUsage, Message: message, Hint: "choose another --account", Err: err}
}

// checkName refuses a name that no login can be kept under. Two that differ in case alone
// would share their files on macOS and Windows, and Windows' keychain tells them apart
// nowhere.
func (s settings) checkName(account string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if slices.Contains(s.Accounts, account) {
		return nil
	}
	for _, name := range s.Accounts {
		if strings.EqualFold(name, account) {
			return unusableName("there is an account "+name+" already, and "+account+" differs from it in upper and lower case alone", nil)
		}
	}
	return nil
}

func (s *settings) add(account string) {
	if !slices.Contains(s.Accounts, account) {
		s.Accounts = append(s.Accounts, account)
		slices.Sort(s.Accounts)
	}
}

func (s *settings) remove(account string) {
	s.Accounts = slices.DeleteFunc(s.Accounts, func(name string) bool { return name == account })
	if s.Active == account {
		s.Active = ""
		if len(s.Accounts) > 0 {
			s.Active = s.Accounts[0]
		}
	}
}

// mirrors reports whether the login is mirrored into Claude Code's entry.
func (e *Engine) mirrors(s settings) bool {
	if s.Mirror != nil {
		return *s.Mirror
	}
	return e.config.Mirror
}
