package config

import (
	"errors"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// load reads the settings with these variables, and a config.toml with this text; no
// file when it is empty.
func load(t *testing.T, file string, variables ...string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	variables = append([]string{"KEYTENDER_HOME=" + dir}, variables...)
	return Load(lookup(variables), variables)
}

func lookup(variables []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, pair := range slices.Backward(variables) {
			if key, value, _ := strings.Cut(pair, "="); key == name {
				return value, true
			}
		}
		return "", false
	}
}

func mustLoad(t *testing.T, file string, variables ...string) Config {
	t.Helper()
	c, err := load(t, file, variables...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, "")
	got := []any{c.Store, c.Port, c.LoginTimeout, c.RefreshSkew, c.LogLevel, c.Mirror, c.TokenForm, c.ClientID,
		c.AuthURL, c.ConsoleAuthURL,
		c.TokenURL, c.RevokeURL, c.Issuer, c.RedirectURI, strings.Join(c.Scopes, " "), c.APIURL, c.RefreshWith,
		c.RefreshModel, c.RefreshTimeout}
	want := []any{"auto", 8765, 5 * time.Minute, time.Minute, "info", true, false,
		"9d1c250a-e61b-44d9-88ed-5944d1962f5e",
		"https://claude.com/cai/oauth/authorize", "https://platform.claude.com/oauth/authorize",
		"https://platform.claude.com/v1/oauth/token",
		"https://platform.claude.com/v1/oauth/token/revoke", "", "https://platform.claude.com/oauth/code/callback",
		"org:create_api_key user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload",
		"https://api.anthropic.com", "direct", "claude-haiku-4-5", time.Minute}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, name := range c.Names() {
		if o := c.Origin[name]; o.From != "default" {
			t.Errorf("%s comes from %s", name, o.From)
		}
	}
	if len(c.Names()) != len(settings) || !slices.IsSorted(c.Names()) {
		t.Errorf("names: %v", c.Names())
	}
	if _, ok := c.Lookup("CLAUDE_CONFIG_DIR"); ok {
		t.Error("an unset variable of Claude Code's is set")
	}
}

// every is a setting with the ways to write it: variable, key and values.
var every = []struct {
	variable, key string
	value         string // as a variable
	toml          string // as a key's value
	field         func(Config) any
	want          any
	bad           []string
}{
	{"KEYTENDER_ACCOUNT", "account", "work-1", `"work-1"`, func(c Config) any { return c.Account }, "work-1",
		[]string{"a b", "-a", "../a", ".a", "a/b", "ä", "a\x1b", strings.Repeat("a", 101)}},
	{"KEYTENDER_STORE", "store", "file", `"file"`, func(c Config) any { return c.Store }, "file",
		[]string{"File", "disk", "keychain,file", "auto "}},
	{"KEYTENDER_PORT", "port", "1234", "1234", func(c Config) any { return c.Port }, 1234,
		[]string{"0", "65536", "-1", "+80", "80.0", "0x50", "http", "8765 ", "١"}},
	{"KEYTENDER_LOGIN_TIMEOUT", "login_timeout", "90s", `"90s"`, func(c Config) any { return c.LoginTimeout },
		90 * time.Second, []string{"90", "0", "-5m", "25h", "soon", "1ms", "1e9s"}},
	{"KEYTENDER_KEYCHAIN_ARGV", "keychain_argv", "never", `"never"`, func(c Config) any { return c.KeychainArgv },
		"never", []string{"always", "Never", "true"}},
	{"KEYTENDER_REFRESH_SKEW", "refresh_skew", "2m", `"2m"`, func(c Config) any { return c.RefreshSkew },
		2 * time.Minute, []string{"60", "-1s", "2h", "none"}},
	{"CLAUDE_CODE_AUTH_REFRESH_SKEW_MS", "refresh_skew_ms", "1500", "1500", func(c Config) any { return c.RefreshSkew },
		1500 * time.Millisecond, []string{"-1", "3600001", "x", "1.5"}},
	{"KEYTENDER_LOG", "log", "debug", `"debug"`, func(c Config) any { return c.LogLevel }, "debug",
		[]string{"DEBUG", "trace", "2"}},
	{"KEYTENDER_MIRROR", "mirror", "off", "false", func(c Config) any { return c.Mirror }, false,
		[]string{"yes", "TRUE", "2"}},
	{"KEYTENDER_COPY_TOKEN", "copy_token", "1", "true", func(c Config) any { return c.CopyToken }, true,
		[]string{"yes", "TRUE"}},
	{"KEYTENDER_ROLE", "role", "watch", `"watch"`, func(c Config) any { return c.Role }, "watch",
		[]string{"off", "Watch", "tend watch"}},
	{"KEYTENDER_TOKEN_ENCODING", "token_encoding", "form", `"form"`, func(c Config) any { return c.TokenForm }, true,
		[]string{"xml", "FORM"}},
	{"KEYTENDER_ON_NOTICE", "on_notice", `["tell me", "x"]`, `["tell me", "x"]`,
		func(c Config) any { return strings.Join(c.OnNotice, "|") }, "tell me|x", []string{"[", `[""]`, "[1]"}},
	{"KEYTENDER_REFRESH_WITH", "refresh_with", "claude", `"claude"`, func(c Config) any { return c.RefreshWith },
		"claude", []string{"openssl"}},
	{"ANTHROPIC_CLIENT_ID", "client_id", "own-id", `"own-id"`, func(c Config) any { return c.ClientID }, "own-id",
		[]string{"a b", "a\nb", "ä", strings.Repeat("x", 201)}},
	{"ANTHROPIC_AUTH_URL", "auth_url", "https://a.example/x?y=1", `"https://a.example/x?y=1"`,
		func(c Config) any { return c.AuthURL }, "https://a.example/x?y=1", badURLs},
	{"KEYTENDER_CONSOLE_AUTH_URL", "console_auth_url", "https://a.example", `"https://a.example"`,
		func(c Config) any { return c.ConsoleAuthURL }, "https://a.example", badURLs},
	{"ANTHROPIC_TOKEN_URL", "token_url", "http://localhost:9/t", `"http://localhost:9/t"`,
		func(c Config) any { return c.TokenURL }, "http://localhost:9/t", badURLs},
	{"KEYTENDER_ISSUER", "issuer", "https://i.example", `"https://i.example"`, func(c Config) any { return c.Issuer },
		"https://i.example", badURLs},
	{"ANTHROPIC_REDIRECT_URI", "redirect_uri", "https://p.example/cb", `"https://p.example/cb"`,
		func(c Config) any { return c.RedirectURI }, "https://p.example/cb", badURLs},
	{"ANTHROPIC_SCOPE", "scope", " user:inference  user:profile user:inference ", `["user:inference", "user:profile"]`,
		func(c Config) any { return strings.Join(c.Scopes, "|") }, "user:inference|user:profile",
		[]string{" ", `a"b`, `a\b`, "ä", "a\x01"}},
	{"KEYTENDER_API_URL", "api_url", "https://api.example", `"https://api.example"`,
		func(c Config) any { return c.APIURL }, "https://api.example", badURLs},
	{"CLAUDE_CODE_AUTH_REFRESH_MODEL", "refresh_model", "claude-x", `"claude-x"`,
		func(c Config) any { return c.RefreshModel }, "claude-x", []string{"-p", "--dangerously", "a b", "\x1b[2J"}},
	{"CLAUDE_CODE_AUTH_REFRESH_TIMEOUT_MS", "refresh_timeout_ms", "2000", "2000",
		func(c Config) any { return c.RefreshTimeout }, 2 * time.Second, []string{"0", "999", "3600001", "x"}},
}

var badURLs = []string{"http://a.example/", "ftp://a.example/", "file:///etc/passwd", "a.example", "//a.example/",
	"https://", "https:///x", "javascript:alert(1)",
	"-https://a.example", "https://user@a.example/", "https://user:FAKEpassword@a.example/", "https://a.example/#x",
	"https://a.example:0/", "https://a.example:70000/",
	"https://a.example/\n", "https://a b/", "https://[::1", "http://localhost.example/", "http://127.0.0.1.example/",
	"http://10.0.0.1/", "HTTPS//x"}

func TestEverySetting(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range every {
		covered[c.variable] = true
		for _, way := range []struct{ how, file, variable string }{
			{"variable", "", c.variable + "=" + c.value},
			{"key", c.key + " = " + c.toml, ""},
			{"whole name as a key", strings.ToLower(c.variable) + " = " + c.toml, ""},
			{"upper-case key", c.variable + " = " + c.toml, ""},
		} {
			var variables []string
			if way.variable != "" {
				variables = append(variables, way.variable)
			}
			got, err := load(t, way.file, variables...)
			if err != nil {
				t.Errorf("%s as %s: %v", c.variable, way.how, err)
				continue
			}
			if c.field(got) != c.want {
				t.Errorf("%s as %s: %v, want %v", c.variable, way.how, c.field(got), c.want)
			}
		}
		for _, bad := range c.bad {
			_, err := load(t, "", c.variable+"="+bad)
			known := &Error{}
			if !errors.As(err, &known) {
				t.Errorf("%s=%q is taken: %v", c.variable, bad, err)
				continue
			}
			if known.Name != c.variable || known.Hint == "" {
				t.Errorf("%s=%q: %+v", c.variable, bad, known)
			}
			if text := known.Error() + known.Hint; strings.Contains(text, "FAKE") ||
				strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%s=%q: what is said shows too much: %q", c.variable, bad, text)
			}
		}
		// An empty variable counts as unset.
		if _, err := load(t, "", c.variable+"="); err != nil {
			t.Errorf("%s empty: %v", c.variable, err)
		}
	}
	for _, s := range settings {
		if !covered[s.variable] {
			t.Errorf("%s is not tested", s.variable)
		}
		for _, alias := range s.aliases {
			if !covered[alias] {
				t.Errorf("%s is not tested", alias)
			}
		}
	}
}

// A bad value in the file is named with the file, and never replaced by a default.
func TestBadFile(t *testing.T) {
	for file, part := range map[string]string{
		"port = ":                     "line 1",
		"a = 1\nb = = 2":              "line 2",
		"prot = 1":                    `"prot"`,
		"keytender_prot = 1":          `"keytender_prot"`,
		"home = '/x'":                 `"home"`,
		"port = 'x'":                  "port",
		"port = 1.5":                  `"port"`,
		"port = [1]":                  `"port"`,
		"[port]\nx = 1":               `"port"`,
		"port = 1979-05-27":           `"port"`,
		"port = 1\nport = 2":          "line 2",
		"port = 1\n\nstore = \"auto":  "line 3",
		"port":                        "line 1",
		"port.x = 1":                  `"port"`,
		"[[x]]\nport = 1":             `"x"`,
		"port = {x = 1}":              `"port"`,
		"port = 0123":                 "not valid TOML",
		"port = 99999999999999999999": `"port"`,
		"log = \"\xff\"":              "not valid TOML",
		"port = 1\nPORT = 2":          "twice",
		"store = true":                "store",
		"mirror = 'maybe'":            "mirror",
		"token_url = 'ftp://'":        "token_url",
		"token = 'sk-ant-ort01-FAKE'": `"token"`,
		"refresh_skew_ms = 1\nrefresh_skew = '1s'":          "twice",
		"keytender_port = 1\nport = 2":                      "twice",
		"\x00":                                              "not valid TOML",
		strings.Repeat("x", 200) + " = 1":                   "…",
		"\"\\u001b[2J\" = 1":                                "?[2J",
		"claude_config_dir = 7\nsk-ant-ort01-FAKE = 'oops'": "there is no key",
	} {
		_, err := load(t, file)
		known := &Error{}
		if !errors.As(err, &known) || known.Hint == "" {
			t.Errorf("%q is taken: %v", file, err)
			continue
		}
		if !strings.Contains(known.Error(), part) {
			t.Errorf("%q: %q does not name %q", file, known, part)
		}
		if strings.ContainsFunc(known.Error()+known.Hint, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q: %q", file, known)
		}
	}
}

func TestUnusableFile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"huge": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("#\n", maxConfigFile)), 0o600)
		},
	} {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, "config.toml")); err != nil {
			t.Fatal(err)
		}
		variables := []string{"KEYTENDER_HOME=" + dir}
		known := &Error{}
		if _, err := Load(lookup(variables), variables); !errors.As(err, &known) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The hint is about what stands there: a permission is no help where none is missing.
func TestFileThatCannotBeReached(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows calls a link that leads in a circle something else")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	if err := os.Symlink(file, file); err != nil {
		t.Fatal(err)
	}
	variables := []string{"KEYTENDER_HOME=" + dir}
	known := &Error{}
	if _, err := Load(lookup(variables), variables); !errors.As(err, &known) ||
		!strings.Contains(known.Hint, "move '"+file+"' away") {
		t.Errorf("%v (%s)", err, known.Hint)
	}
}

// The environment goes before the file, the file before the default; of two variables
// for one setting our own goes first.
func TestPrecedence(t *testing.T) {
	const file = "port = 1111\nrefresh_skew = '3s'\n"
	for _, c := range []struct {
		name      string
		file      string
		variables []string
		port      int
		skew      time.Duration
		from      string // of the port: environment, default or file
	}{
		{"nothing", "", nil, 8765, time.Minute, "default"},
		{"file", file, nil, 1111, 3 * time.Second, "file"},
		{"both", file, []string{"KEYTENDER_PORT=2222", "KEYTENDER_REFRESH_SKEW=4s"}, 2222, 4 * time.Second,
			"environment"},
		{"an empty variable", file, []string{"KEYTENDER_PORT=", "KEYTENDER_REFRESH_SKEW="}, 1111, 3 * time.Second,
			"file"},
		{"the other variable", file, []string{"CLAUDE_CODE_AUTH_REFRESH_SKEW_MS=5000"}, 1111, 5 * time.Second, "file"},
		{"both variables", file, []string{"CLAUDE_CODE_AUTH_REFRESH_SKEW_MS=5000", "KEYTENDER_REFRESH_SKEW=6s"}, 1111,
			6 * time.Second, "file"},
	} {
		got := mustLoad(t, c.file, c.variables...)
		from := got.Origin["KEYTENDER_PORT"].From
		if from == got.Paths.ConfigFile {
			from = "file"
		}
		if got.Port != c.port || got.RefreshSkew != c.skew || from != c.from {
			t.Errorf("%s: port %d from %s, skew %v", c.name, got.Port, from, got.RefreshSkew)
		}
	}
	// A bad value is named where it stands, also when another one would win.
	_, err := load(t, "port = 70000")
	if known := (&Error{}); !errors.As(err, &known) || !strings.Contains(known.Hint, "config.toml") {
		t.Errorf("%+v", err)
	}
}

func TestUnknownVariables(t *testing.T) {
	for variable, ok := range map[string]bool{
		"KEYTENDER_PROT=1": false, "KEYTENDER_=": false, "KEYTENDER_HOMES=/x": false, "KEYTENDER_BIN=/x": true,
		"KEYTENDER_TRAY_BIN=/x": true, "KEYTENDER_TRAY_BINS=/x": false, "KEYTENDER_STORE_=file": false,
		"KEYTENDERS=1": true, "keytender_prot=1": true, "ANTHROPIC_API_KEY=sk-ant-api03-FAKE": true,
		"ANTHROPIC_BASE_URL=http://gateway.example": true, "CLAUDE_CODE_OAUTH_TOKEN=FAKE": true,
	} {
		_, err := load(t, "", variable)
		if (err == nil) != ok {
			t.Errorf("%s: %v", variable, err)
		}
	}
	if c := mustLoad(t, "", "ANTHROPIC_BASE_URL=http://gateway.example"); c.APIURL != "https://api.anthropic.com" {
		t.Error("somebody's gateway is used")
	}
}

// Claude Code's own variables are passed on as they are: set and empty is not unset.
func TestForeignVariables(t *testing.T) {
	for _, name := range foreign {
		key := keyOf(name)
		for _, c := range []struct {
			file      string
			variables []string
			value     string
			ok        bool
		}{
			{"", nil, "", false},
			{"", []string{name + "="}, "", true},
			{"", []string{name + "=~/x/"}, "~/x/", true},
			{key + " = '/f'", nil, "/f", true},
			{key + " = '/f'", []string{name + "="}, "", true},
			{key + " = '/f'", []string{name + "=/e"}, "/e", true},
		} {
			got := mustLoad(t, c.file, c.variables...)
			if value, ok := got.Lookup(name); value != c.value || ok != c.ok {
				t.Errorf("%s with %q and %v: %q, %v", name, c.file, c.variables, value, ok)
			}
			if _, ok := got.Origin[name]; ok != c.ok {
				t.Errorf("%s with %q and %v: told of: %v", name, c.file, c.variables, ok)
			}
		}
	}
	// Nothing else is made up from the file.
	if _, ok := mustLoad(t, "port = 1").Lookup("KEYTENDER_PORT"); ok {
		t.Error("a key of ours became a variable")
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	paths := func(variables ...string) Paths {
		t.Helper()
		p, err := findPaths(lookup(variables))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if got, want := paths("KEYTENDER_HOME="+
		dir), (Paths{filepath.Join(dir, "config.toml"), filepath.Join(dir, "credentials.json"),
		filepath.Join(dir, "state"), filepath.Join(dir, "keytender.log"), ItemSuffix(dir)}); got != want {
		t.Errorf("KEYTENDER_HOME: %+v", got)
	}
	if here, there := ItemSuffix(dir), paths("KEYTENDER_HOME="+dir+"2").ItemSuffix; here == "" || here == there {
		t.Errorf("two folders share the items with %q", here)
	}
	t.Chdir(dir)
	if got := paths("KEYTENDER_HOME=here"); !filepath.IsAbs(got.State) ||
		filepath.Base(filepath.Dir(got.State)) != "here" {
		t.Errorf("a relative KEYTENDER_HOME: %+v", got)
	}
	if runtime.GOOS != "linux" {
		return
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	if got := paths("HOME=" + home); got.ConfigFile != home+"/.config/keytender/config.toml" ||
		got.Credentials != home+"/.local/state/keytender/credentials.json" {
		t.Errorf("the platform's own: %+v", got)
	}
	if got := paths("HOME="+home, "XDG_STATE_HOME="+dir); got.State != dir+"/keytender/state" {
		t.Errorf("XDG_STATE_HOME: %+v", got)
	}
	if got := paths("XDG_CONFIG_HOME=/a", "XDG_STATE_HOME=/b"); got.ConfigFile != "/a/keytender/config.toml" ||
		got.Log != "/b/keytender/keytender.log" {
		t.Errorf("both set and no HOME: %+v", got)
	}
}

// TestUnusablePaths: each is named by the variable that a person has to change.
func TestUnusablePaths(t *testing.T) {
	tests := []struct {
		name      string
		variables []string
		want      string
		freeOnly  bool // of systems with XDG variables
	}{
		{"~ that no shell replaced", []string{"KEYTENDER_HOME=~/kt"}, "KEYTENDER_HOME", false},
		{"~ alone", []string{"KEYTENDER_HOME=~"}, "KEYTENDER_HOME", false},
		{"another person's ~", []string{"KEYTENDER_HOME=~ann/kt"}, "KEYTENDER_HOME", false},
		{"NUL", []string{"KEYTENDER_HOME=a\x00b"}, "KEYTENDER_HOME", false},
		{"no home", nil, "HOME", true},
		{"an empty home", []string{"HOME="}, "HOME", true},
		{"no home for the state", []string{"XDG_CONFIG_HOME=/a"}, "HOME", true},
		{"relative configuration", []string{"HOME=/home/ann", "XDG_CONFIG_HOME=cfg"}, "XDG_CONFIG_HOME", true},
		{"relative configuration, dotted", []string{"HOME=/home/ann", "XDG_CONFIG_HOME=./cfg"}, "XDG_CONFIG_HOME",
			true},
		{"configuration with ~", []string{"HOME=/home/ann", "XDG_CONFIG_HOME=~/cfg"}, "XDG_CONFIG_HOME", true},
		{"relative state", []string{"HOME=/home/ann", "XDG_STATE_HOME=relative"}, "XDG_STATE_HOME", true},
		{"relative, and no home", []string{"XDG_CONFIG_HOME=cfg"}, "XDG_CONFIG_HOME", true},
	}
	for _, test := range tests {
		if test.freeOnly && runtime.GOOS != "linux" {
			continue
		}
		known := &Error{}
		if _, err := findPaths(lookup(test.variables)); !errors.As(err, &known) || known.Name != test.want ||
			known.Hint == "" {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	// What is not needed is not looked at.
	if _, err := findPaths(lookup([]string{"KEYTENDER_HOME=" + t.TempDir(), "XDG_CONFIG_HOME=cfg"})); err != nil {
		t.Errorf("a relative XDG_CONFIG_HOME beside KEYTENDER_HOME: %v", err)
	}
}

// TestHomeWithoutTheVariable: the password file has one.
func TestHomeWithoutTheVariable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no password file")
	}
	t.Setenv("HOME", "/tmp/FAKE-home")
	if home, err := Home(); err != nil || home != "/tmp/FAKE-home" {
		t.Errorf("the variable counts first: %q, %v", home, err)
	}
	t.Setenv("HOME", "")
	u, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		t.Skip("this user has no entry in the password file")
	}
	if home, err := Home(); err != nil || home != u.HomeDir {
		t.Errorf("%q, %v, want %q", home, err, u.HomeDir)
	}
}

func TestCheckURL(t *testing.T) {
	for _, good := range []string{"https://a.example", "https://a.example:8443/x?y=z", "http://localhost",
		"http://localhost:1/x", "http://LOCALHOST/", "http://127.0.0.1:80", "http://127.1.2.3/", "http://[::1]:9/",
		"HTTPS://a.example/", "https://[2001:db8::1]/"} {
		if err := checkURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range append(badURLs, "", "http://[::2]/", "http://0.0.0.0/", "http://169.254.1.1/") {
		if err := checkURL(bad); err == nil {
			t.Errorf("%q is taken", bad)
		} else if strings.Contains(err.Error(), "FAKE") || strings.Contains(err.Error(), "a.example") {
			t.Errorf("%q: the error repeats it: %v", bad, err)
		}
	}
}

// What TOML allows is understood, however it is written.
func TestTOML(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                                 {},
		"# nothing\n\n":                    {},
		"\ufeffport = 1\r\nlog='info'\r\n": {"port": "1", "log": "info"},
		"port = 0x20_00 # a comment":       {"port": "8192"},
		"port = +8_765":                    {"port": "8765"},
		"port = 0b1":                       {"port": "1"},
		"port = -1":                        {"port": "-1"},
		"\"port\" = 0o17":                  {"port": "15"},
		"mirror = false":                   {"mirror": "false"},
		"log = \"\\u0069nfo\"":             {"log": "info"},
		"log = \"\"\"\nin\\\n  fo\"\"\"":   {"log": "info"},
		"log = '''\ninfo'''":               {"log": "info"},
		"scope = [ 'a', # one\n \"b\",\n]": {"scope": "a b"},
		"on_notice = ['a b', 'c']":         {"on_notice": `["a b","c"]`},
	} {
		if got, err := parse("/x/config.toml", text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "port = 1", "store = 'file'\nscope = ['a', 'b']", "[a]\nb=1", "port = 0x10",
		"PORT = 1\nport = 2", "refresh_skew_ms = 1", "a.b = 1", "scope = [[1]]", "\"\" = 1", "log = \"\\u0000\"",
		"port = 1e3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parse("/x/config.toml", text)
		if err != nil {
			known := &Error{}
			if !errors.As(err, &known) || known.Hint == "" || len(known.Error()) > 300 ||
				strings.ContainsFunc(known.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("%q", err)
			}
			return
		}
		for key := range values {
			if key != keyOf(key) {
				t.Fatalf("a key is not in its short form: %q", key)
			}
		}
		var c Config
		for _, s := range settings {
			if value, ok := values[s.key()]; ok {
				_ = s.take(&c, value)
			}
		}
	})
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range badURLs {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkURL(text) != nil {
			return
		}
		lower := strings.ToLower(text)
		if !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") ||
			strings.Contains(text, "@") && strings.Index(text, "@") < strings.IndexAny(text[8:]+"/", "/?")+8 {
			t.Fatalf("%q is taken", text)
		}
	})
}
