// Package config reads what a person can set: environment variables and
// config.toml, checked whole before anything is opened. It never writes, never
// falls back to a default for a value it cannot use, and holds no secret.
package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keytender/internal/address"
	"keytender/internal/atomicfile"
	"keytender/internal/scope"
	"keytender/internal/shown"
)

// Config is everything that can be set, checked.
type Config struct {
	Paths Paths

	Account      string // for the command line; empty: the active one
	Store        string // auto, keychain, file
	Role         string // tend, watch
	KeychainArgv string // as-claude-code, never
	Port         int
	LoginTimeout time.Duration
	RefreshSkew  time.Duration
	LogLevel     string
	Mirror       bool
	TokenForm    bool // token calls as forms instead of JSON
	CopyToken    bool // the menu may put the token on the clipboard

	ClientID       string
	AuthURL        string
	ConsoleAuthURL string
	TokenURL       string
	RevokeURL      string
	Issuer         string
	RedirectURI    string // the paste page
	Scopes         []string
	APIURL         string

	OnNotice       []string // a program and its arguments that get each notice; nil: none
	RefreshWith    string   // direct, claude
	RefreshModel   string
	RefreshTimeout time.Duration

	// Lookup answers for the variables that are Claude Code's own, where unset and
	// empty differ: the environment first, then config.toml.
	Lookup func(name string) (string, bool)

	// Origin tells for each setting where its value comes from.
	Origin map[string]Origin

	environ map[string]string // see Export
}

// Origin is where a value comes from: "default", "environment" or the path of
// config.toml.
type Origin struct{ Value, From string }

// Paths are the files and folders of one installation.
type Paths struct {
	ConfigFile  string
	Credentials string // the file store
	State       string // folder
	Log         string
	// ItemSuffix ends the names of keychain items: a folder of its own must not replace
	// the login of another. It is empty for the platform's own folders.
	ItemSuffix string
}

// Error is an unusable setting. It ends the program with exit code 2.
type Error struct{ Name, Reason, Hint string }

func (e *Error) Error() string { return e.Name + ": " + e.Reason }

// setting is one variable, its key in config.toml and how its text is taken over.
type setting struct {
	variable string
	aliases  []string // other variables for the same setting
	standard string
	take     func(c *Config, text string) error
}

// Key is the setting's name in config.toml: the variable in lower case without
// what says whose it is. The whole variable's name is understood as well.
func (s setting) key() string { return keyOf(s.variable) }

func keyOf(variable string) string {
	key := strings.ToLower(variable)
	for _, prefix := range []string{"keytender_", "anthropic_", "claude_code_auth_"} {
		key = strings.TrimPrefix(key, prefix)
	}
	return key
}

var settings = []setting{
	{"KEYTENDER_ACCOUNT", nil, "", takeAccount},
	{"KEYTENDER_STORE", nil, "auto", oneOf(func(c *Config) *string { return &c.Store }, "auto", "keychain", "file")},
	{"KEYTENDER_KEYCHAIN_ARGV", nil, "as-claude-code",
		oneOf(func(c *Config) *string { return &c.KeychainArgv }, "as-claude-code", "never")},
	{"KEYTENDER_ON_NOTICE", nil, "", takeCommand},
	{"KEYTENDER_ROLE", nil, "tend", oneOf(func(c *Config) *string { return &c.Role }, "tend", "watch")},
	{"KEYTENDER_PORT", nil, "8765", takePort},
	{"KEYTENDER_LOGIN_TIMEOUT", nil, "5m", duration(func(c *Config) *time.Duration { return &c.LoginTimeout },
		100*time.Millisecond, 24*time.Hour)},
	{"KEYTENDER_REFRESH_SKEW", []string{"CLAUDE_CODE_AUTH_REFRESH_SKEW_MS"}, "60s",
		duration(func(c *Config) *time.Duration { return &c.RefreshSkew }, 0, time.Hour)},
	{"KEYTENDER_LOG", nil, "info", oneOf(func(c *Config) *string { return &c.LogLevel }, "debug", "info", "warn",
		"error")},
	{"KEYTENDER_MIRROR", nil, "true", boolean(func(c *Config) *bool { return &c.Mirror })},
	{"KEYTENDER_COPY_TOKEN", nil, "false", boolean(func(c *Config) *bool { return &c.CopyToken })},
	{"KEYTENDER_TOKEN_ENCODING", nil, "json", takeEncoding},
	{"KEYTENDER_REFRESH_WITH", nil, "direct",
		oneOf(func(c *Config) *string { return &c.RefreshWith }, "direct", "claude")},
	{"ANTHROPIC_CLIENT_ID", nil, "9d1c250a-e61b-44d9-88ed-5944d1962f5e", takeClientID},
	{"ANTHROPIC_AUTH_URL", nil, "https://claude.com/cai/oauth/authorize",
		endpoint(func(c *Config) *string { return &c.AuthURL })},
	{"KEYTENDER_CONSOLE_AUTH_URL", nil, "https://platform.claude.com/oauth/authorize",
		endpoint(func(c *Config) *string { return &c.ConsoleAuthURL })},
	{"ANTHROPIC_TOKEN_URL", nil, "https://platform.claude.com/v1/oauth/token",
		endpoint(func(c *Config) *string { return &c.TokenURL })},
	{"KEYTENDER_ISSUER", nil, "", func(c *Config, text string) error {
		if text == "" {
			return nil
		}
		return endpoint(func(c *Config) *string { return &c.Issuer })(c, text)
	}},
	{"ANTHROPIC_REDIRECT_URI", nil, "https://platform.claude.com/oauth/code/callback",
		endpoint(func(c *Config) *string { return &c.RedirectURI })},
	{"ANTHROPIC_SCOPE", nil, scope.Default, takeScopes},
	{"KEYTENDER_API_URL", nil, "https://api.anthropic.com", endpoint(func(c *Config) *string { return &c.APIURL })},
	{"CLAUDE_CODE_AUTH_REFRESH_MODEL", nil, "claude-haiku-4-5", takeModel},
	{"CLAUDE_CODE_AUTH_REFRESH_TIMEOUT_MS", nil, "60000",
		duration(func(c *Config) *time.Duration { return &c.RefreshTimeout }, time.Second, time.Hour)},
}

// foreign are Claude Code's own variables: passed on as they are, since the client
// tells unset from empty.
var foreign = []string{"CLAUDE_CONFIG_DIR", "CLAUDE_SECURESTORAGE_CONFIG_DIR",
	"CLAUDE_CODE_AUTH_CREDENTIALS_PATH", "CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE"}

// Load reads the environment and config.toml. Every error is an *Error.
func Load(lookup func(string) (string, bool), environ []string) (Config, error) {
	c, problems := Salvage(lookup, environ)
	if len(problems) > 0 {
		return Config{}, problems[0]
	}
	return c, nil
}

// Salvage is Load for a look at what is wrong: it takes over what can be used, the default
// for what cannot, and returns everything that keeps Load from working. Where there is no
// place to keep anything, the paths are empty.
func Salvage(lookup func(string) (string, bool), environ []string) (Config, []error) {
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	c := Config{Origin: map[string]Origin{}, environ: map[string]string{}}
	paths, err := findPaths(lookup)
	if err != nil {
		return Config{}, []error{err}
	}
	c.Paths = paths
	file, err := readFile(paths.ConfigFile)
	note(err)
	note(checkVariables(environ))
	note(c.takeEverywhere(lookup, file, runtime.GOOS))
	for _, s := range settings {
		// The last one counts; each is looked at, since a bad value that is overridden
		// today counts tomorrow.
		values := []named{{s.variable, Origin{s.standard, "default"}}}
		if value, ok := file[s.key()]; ok {
			values = append(values, named{s.key(), Origin{value, paths.ConfigFile}})
		}
		for _, variable := range append(s.aliases, s.variable) {
			// An empty variable counts as unset, as in most programs.
			if value, ok := lookup(variable); ok && value != "" {
				values = append(values, named{variable, Origin{value, "environment"}})
			}
		}
		for _, v := range values {
			if err := s.take(&c, millisecondsOf(v.name, v.Value)); err != nil {
				note(&Error{Name: v.name, Reason: err.Error(), Hint: "correct it in " + origin(v.From) +
					", or remove it to use the default (" + defaultOf(s) + ")"})
				continue
			}
			c.Origin[s.variable] = v.Origin
		}
	}
	c.RevokeURL = strings.TrimSuffix(c.TokenURL, "/") + "/revoke"
	c.Lookup = func(name string) (string, bool) {
		if value, ok := lookup(name); ok {
			return value, true
		}
		value, ok := file[keyOf(name)]
		return value, ok && slices.Contains(foreign, name)
	}
	for _, name := range foreign {
		if value, _ := c.Lookup(name); strings.ContainsFunc(value, unicode.IsControl) {
			note(&Error{Name: name, Reason: "it holds a line break or another control character",
				Hint: "correct it, or unset it"})
		}
		if value, ok := lookup(name); ok {
			c.Origin[name] = Origin{Value: value, From: "environment"}
		} else if value, ok := file[keyOf(name)]; ok {
			c.Origin[name] = Origin{Value: value, From: paths.ConfigFile}
		}
	}
	return c, problems
}

// named is a value under the name that it was given by.
type named struct {
	name string
	Origin
}

// Names returns all settings' variables in order.
func (c Config) Names() []string { return slices.Sorted(maps.Keys(c.Origin)) }

func origin(from string) string {
	if from == "environment" {
		return "the environment"
	}
	return from
}

func defaultOf(s setting) string {
	if s.standard == "" {
		return "none"
	}
	return s.standard
}

// checkVariables names a KEYTENDER_ variable that does not exist: it is a typing
// error that would otherwise be a default in silence.
func checkVariables(environ []string) error {
	// The last two are no settings: they tell the tests of others which programs to run.
	known := map[string]bool{"KEYTENDER_HOME": true, "KEYTENDER_BIN": true, "KEYTENDER_TRAY_BIN": true}
	for _, s := range settings {
		known[s.variable] = true
	}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "KEYTENDER_") && !known[name] {
			return &Error{Name: name, Reason: "there is no such variable",
				Hint: "unset it; `keytender doctor` lists the variables that exist"}
		}
	}
	return nil
}

// ItemSuffix ends the names of the keychain items of the installation at home, an absolute
// path.
func ItemSuffix(home string) string {
	if runtime.GOOS == "windows" {
		home = strings.ToLower(home)
	}
	sum := sha256.Sum256([]byte(home))
	return "..home-" + hex.EncodeToString(sum[:4])
}

func findPaths(lookup func(string) (string, bool)) (Paths, error) {
	if home, _ := lookup("KEYTENDER_HOME"); home != "" {
		return pathsIn(home)
	}
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" {
		return freedesktopPaths(lookup)
	}
	configDir, err := os.UserConfigDir()
	if err != nil {
		name := "HOME"
		if runtime.GOOS == "windows" {
			name = "APPDATA"
		}
		return Paths{}, notSet(name)
	}
	data := configDir
	if runtime.GOOS == "windows" {
		if cache, err := os.UserCacheDir(); err == nil { // %LocalAppData% does not roam
			data = cache
		}
	}
	return pathsBelow(configDir, data), nil
}

func notSet(name string) *Error {
	return &Error{Name: name, Reason: "it is not set, so there is no place to keep anything",
		Hint: "set " + name + ", or KEYTENDER_HOME to a folder of yours"}
}

// pathsIn are those of KEYTENDER_HOME.
func pathsIn(home string) (Paths, error) {
	bad := func(reason, hint string) (Paths, error) {
		return Paths{}, &Error{Name: "KEYTENDER_HOME", Reason: reason, Hint: hint}
	}
	// A shell expands ~, but no unit, .env file or other program does: the login would lie
	// in a folder named ~ of whatever folder each command was started in.
	if strings.HasPrefix(home, "~") {
		return bad("it begins with ~, which only a shell replaces by your home folder",
			"give the whole path, say /home/you/keytender; in a systemd unit %h is your home")
	}
	abs, err := filepath.Abs(home)
	if err != nil || strings.ContainsRune(home, 0) {
		return bad("this is no usable folder name", "give an absolute path")
	}
	// Stat also fails below a file, where no folder can ever be.
	if info, err := os.Stat(abs); err == nil && !info.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist) &&
		!errors.Is(err, fs.ErrPermission) {
		return bad(abs+" is not a folder", "name a folder; it is made when it does not exist")
	}
	return Paths{
		ConfigFile:  filepath.Join(abs, "config.toml"),
		Credentials: filepath.Join(abs, "credentials.json"),
		State:       filepath.Join(abs, "state"),
		Log:         filepath.Join(abs, "keytender.log"),
		ItemSuffix:  ItemSuffix(abs),
	}, nil
}

// freedesktopPaths are those of the XDG Base Directory Specification. It calls a relative
// path invalid; we say so, since leaving it out in silence would put a login elsewhere
// than the person thinks.
func freedesktopPaths(lookup func(string) (string, bool)) (Paths, error) {
	home, _ := lookup("HOME")
	base := func(name string, below ...string) (string, error) {
		dir, _ := lookup(name)
		switch {
		case dir == "" && home == "":
			return "", notSet("HOME")
		case dir == "":
			return filepath.Join(append([]string{home}, below...)...), nil
		case !filepath.IsAbs(dir):
			return "", &Error{Name: name, Reason: "it is a relative path, which counts as invalid",
				Hint: "give the whole path, or unset " + name}
		}
		return dir, nil
	}
	configDir, err := base("XDG_CONFIG_HOME", ".config")
	if err != nil {
		return Paths{}, err
	}
	data, err := base("XDG_STATE_HOME", ".local", "state")
	if err != nil {
		return Paths{}, err
	}
	return pathsBelow(configDir, data), nil
}

func pathsBelow(configDir, data string) Paths {
	data = filepath.Join(data, "keytender")
	return Paths{
		ConfigFile:  filepath.Join(configDir, "keytender", "config.toml"),
		Credentials: filepath.Join(data, "credentials.json"),
		State:       filepath.Join(data, "state"),
		Log:         filepath.Join(data, "keytender.log"),
	}
}

const maxConfigFile = 256 << 10

// readFile returns the keys of config.toml with their values as text.
func readFile(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	bad := func(reason, hint string) error { return &Error{Name: path, Reason: reason, Hint: hint} }
	unread := func(err error) error {
		return bad("it cannot be read", cmp.Or(atomicfile.Mending(err), "look at what stands there"))
	}
	if err != nil {
		return nil, unread(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfigFile {
		return nil, bad("it is no configuration file", "put a small text file in its place, or remove it")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unread(err)
	}
	return parse(path, string(data))
}

func parse(path, text string) (map[string]string, error) {
	bad := func(reason, hint string) error { return &Error{Name: path, Reason: reason, Hint: hint} }
	document, err := pairs(text)
	if err != nil {
		return nil, bad(err.Error(), `a line reads: port = 8765 or store = "file"`)
	}
	known := map[string]bool{}
	for _, s := range settings {
		known[s.key()] = true
		for _, alias := range s.aliases {
			known[keyOf(alias)] = true
		}
	}
	for _, name := range foreign {
		known[keyOf(name)] = true
	}
	for _, v := range everywhere {
		known[keyOf(v.names[0])] = true
	}
	values := map[string]string{}
	for _, line := range document {
		name, value := line.key, line.value
		key := keyOf(name)
		if !known[key] {
			return nil, bad(fmt.Sprintf("there is no key %q", clean(name)),
				"remove it; `keytender doctor` lists the settings that exist")
		}
		text, ok := scalar(value)
		if list, isList := value.([]any); ok && isList && key == keyOf("KEYTENDER_ON_NOTICE") {
			whole, _ := json.Marshal(list) // its words may hold blanks
			text = string(whole)
		}
		if !ok {
			return nil, bad(fmt.Sprintf("%q must be a text, a number or true/false", clean(name)),
				`a line reads: port = 8765 or store = "file"`)
		}
		text = millisecondsOf(name, text)
		if key == "refresh_skew_ms" {
			key = "refresh_skew"
		}
		if _, twice := values[key]; twice {
			return nil, bad(fmt.Sprintf("%q is set twice under two names", key), "keep one of the two lines")
		}
		values[key] = text
	}
	return values, nil
}

// scalar turns a TOML value into the text that a variable would hold; a list of
// texts is joined by blanks, which is how scopes are written.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case bool:
		return strconv.FormatBool(v), true
	case []any:
		words := make([]string, 0, len(v))
		for _, element := range v {
			word, ok := element.(string)
			if !ok {
				return "", false
			}
			words = append(words, word)
		}
		return strings.Join(words, " "), true
	}
	return "", false
}

// millisecondsOf gives settings that count in milliseconds their unit.
func millisecondsOf(name, text string) string {
	if strings.HasSuffix(strings.ToLower(name), "_ms") && digits(text) {
		return text + "ms"
	}
	return text
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// clean makes a foreign name safe to show.
func clean(text string) string {
	if text = visible(text); utf8.RuneCountInString(text) > 60 {
		text = string([]rune(text)[:60]) + "…"
	}
	return text
}

// visible shows control characters as question marks.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, text)
}

func oneOf(field func(*Config) *string, allowed ...string) func(*Config, string) error {
	return func(c *Config, text string) error {
		if !slices.Contains(allowed, text) {
			return fmt.Errorf("%q is not one of %s", clean(text), strings.Join(allowed, ", "))
		}
		*field(c) = text
		return nil
	}
}

func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, text string) error {
		switch text {
		case "true", "1", "on":
			*field(c) = true
		case "false", "0", "off":
			*field(c) = false
		default:
			return fmt.Errorf("%q is neither true nor false", clean(text))
		}
		return nil
	}
}

func duration(field func(*Config) *time.Duration, least, most time.Duration) func(*Config, string) error {
	return func(c *Config, text string) error {
		value, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no length of time (say 90s or 5m)", clean(text))
		}
		if value < least || value > most {
			return fmt.Errorf("%s is not between %s and %s", clean(text), shown.Span(least), shown.Span(most))
		}
		*field(c) = value
		return nil
	}
}

// takeAccount takes what can be an account's name; whether there is one is not known here.
func takeAccount(c *Config, text string) error {
	strange := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	if strings.ContainsFunc(text, strange) || strings.HasPrefix(text, "-") || strings.HasPrefix(text, ".") ||
		len(text) > 100 {
		return fmt.Errorf("%q is no name of an account", clean(text))
	}
	c.Account = text
	return nil
}

func takePort(c *Config, text string) error {
	port, err := strconv.Atoi(text)
	if err != nil || !digits(text) || port < 1 || port > 65535 {
		return fmt.Errorf("%q is no port between 1 and 65535", clean(text))
	}
	c.Port = port
	return nil
}

func takeEncoding(c *Config, text string) error {
	var encoding string
	if err := oneOf(func(*Config) *string { return &encoding }, "json", "form")(c, text); err != nil {
		return err
	}
	c.TokenForm = encoding == "form"
	return nil
}

func takeClientID(c *Config, text string) error {
	if !printable(text) || len(text) > 200 {
		return errors.New("a client id is printable text without blanks")
	}
	c.ClientID = text
	return nil
}

func takeModel(c *Config, text string) error {
	// It becomes an argument of the claude program.
	if !printable(text) || strings.HasPrefix(text, "-") || len(text) > 200 {
		return errors.New("a model name is printable text without blanks and does not begin with '-'")
	}
	c.RefreshModel = text
	return nil
}

// takeCommand takes a program and its arguments: words between blanks, or a JSON list.
func takeCommand(c *Config, text string) error {
	if text == "" {
		return nil
	}
	words := strings.Fields(text)
	if strings.HasPrefix(text, "[") {
		words = nil
		if json.Unmarshal([]byte(text), &words) != nil {
			return errors.New("it is no list of words")
		}
	}
	if len(words) == 0 || words[0] == "" || strings.ContainsFunc(strings.Join(words, ""), unicode.IsControl) {
		return errors.New("it names no program")
	}
	c.OnNotice = words
	return nil
}

func takeScopes(c *Config, text string) error {
	scopes, err := ParseScopes(text)
	if err == nil {
		c.Scopes = scopes
	}
	return err
}

// ParseScopes splits a list of scopes, checked by the characters that RFC 6749
// §3.3 allows; one that stands there twice counts once.
func ParseScopes(text string) ([]string, error) {
	var scopes []string
	for scope := range strings.FieldsSeq(text) {
		if !printable(scope) || strings.ContainsAny(scope, `"\`) {
			return nil, fmt.Errorf("%q is no scope", clean(scope))
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) == 0 {
		return nil, errors.New("there is no scope in it")
	}
	return scopes, nil
}

func printable(text string) bool {
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return text != ""
}

func endpoint(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, text string) error {
		if err := checkURL(text); err != nil {
			return err
		}
		*field(c) = text
		return nil
	}
}

// checkURL is stricter than address.Parse with what a person typed.
func checkURL(text string) error {
	if strings.HasPrefix(text, "-") {
		return errors.New("a URL does not begin with '-'")
	}
	if !printable(text) {
		return errors.New("a URL is printable text without blanks")
	}
	u, err := address.Parse(text)
	if err != nil {
		return err
	}
	if u.Fragment != "" {
		return errors.New("a URL with a '#' in it is not accepted")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("its port is not between 1 and 65535")
		}
	}
	return nil
}
