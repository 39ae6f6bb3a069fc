package claudecode

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"keytender/internal/pattern"
)

// UnusableError says that Claude Code's entry stands where we cannot work on it, and
// what the person can do.
type UnusableError struct{ Reason, Hint string }

func (e *UnusableError) Error() string { return e.Reason }

const (
	fileName    = ".credentials.json"
	serviceName = "Claude Code-credentials"
)

// plainAccount is what the client accepts as an account name; any other becomes
// fallbackAccount.
var plainAccount = pattern.New(`^[a-zA-Z0-9._-]+$`)

const fallbackAccount = "claude-code-user"

// environment reads the variables as the client does.
type environment func(string) (string, bool)

func (env environment) get(name string) string {
	value, _ := env(name)
	return value
}

// configDirs returns the directory of Claude Code's settings and that of its
// credentials and locks. The variables' texts are taken literally: the client expands
// no ~ and follows a relative path from wherever it was started.
func (env environment) configDirs(home string) (settings, credentials string, err error) {
	settings = filepath.Join(home, ".claude")
	set, isSet := env("CLAUDE_CONFIG_DIR")
	if isSet && set != "" {
		settings = set
	}
	if secure := env.get("CLAUDE_SECURESTORAGE_CONFIG_DIR"); secure != "" {
		return settings, secure, nil
	}
	if isSet && set == "" {
		return "", "", &UnusableError{"CLAUDE_CONFIG_DIR is set but empty, and Claude Code then sees no login at all",
			"unset CLAUDE_CONFIG_DIR, or give it a directory"}
	}
	return settings, settings, nil
}

// keychainService returns the item's service name. A directory of one's own gets an
// item of its own, named after the text of the variable, not after where it leads.
func (env environment) keychainService() string {
	dir, isSet := env("CLAUDE_SECURESTORAGE_CONFIG_DIR")
	if !isSet {
		dir = env.get("CLAUDE_CONFIG_DIR")
	}
	if dir == "" {
		return serviceName
	}
	sum := sha256.Sum256([]byte(composed(dir)))
	return serviceName + "-" + hex.EncodeToString(sum[:])[:8]
}

func (env environment) keychainAccount(username string) string {
	account := env.get("USER")
	if account == "" {
		account = username
	}
	if !plainAccount().MatchString(account) {
		return fallbackAccount
	}
	return account
}

const stateName = ".claude.json"

// statePath is where the client keeps its state unless an older one lies in its
// directory, see Directory.stateFile.
func (env environment) statePath(home string) string {
	if dir := env.get("CLAUDE_CONFIG_DIR"); dir != "" {
		return filepath.Join(dir, stateName)
	}
	return filepath.Join(home, stateName)
}

// stateFile returns the file in which the client caches its switches.
func (d *Directory) stateFile() string {
	own := filepath.Join(d.settingsDir, ".config.json")
	if info, err := os.Stat(own); err == nil && info.Size() > 0 {
		return own
	}
	return d.state
}

// usable declines on a Windows machine whose Claude Code was switched over to the
// Credential Manager: what it keeps there is in a format of its own, and the file that
// we know would be looked at by nobody.
func (d *Directory) usable() error {
	if d.goos != "windows" || d.pathOverridden {
		return nil
	}
	if d.env.get("CLAUDE_CODE_FORCE_WINDOWS_CREDMAN") != "1" {
		data, err := readSettings(d.stateFile())
		if err != nil || !hasTrue(data, "tengu_windows_credman") {
			return nil
		}
	}
	return &UnusableError{
		"this Claude Code keeps its login in the Windows Credential Manager, which keytender does not write",
		"sign in with `claude auth login`; keytender's own login works without it"}
}

// hasTrue looks for "key": true at the top level or one object below, where the client
// caches what the server switched on.
func hasTrue(data []byte, key string) bool {
	var top map[string]json.RawMessage
	if json.Unmarshal(data, &top) != nil {
		return false
	}
	isTrue := func(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "true" }
	if isTrue(top[key]) {
		return true
	}
	for _, raw := range top {
		var below map[string]json.RawMessage
		if len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &below) == nil && isTrue(below[key]) {
			return true
		}
	}
	return false
}

// maxSettings bounds what is read of the client's other files; the one with the
// prompts of years can be large.
const maxSettings = 64 << 20

func readSettings(path string) ([]byte, error) {
	info, err := os.Stat(path) // people do keep their settings behind a link
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrInvalid
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err == nil && len(data) > maxSettings {
		err = errors.New("too large")
	}
	return data, err
}
