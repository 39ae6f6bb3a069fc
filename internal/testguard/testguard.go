// Package testguard keeps tests away from everything real. Each test package's
// TestMain runs through it, and a test over the source tree holds that none
// forgets. It changes the environment, which children inherit, rather than the
// code under test.
package testguard

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kept are the only variables that tests inherit: what the toolchain needs.
var kept = map[string]bool{
	"PATH": true, "TMPDIR": true, "TEMP": true, "TMP": true, "LANG": true,
	"GOROOT": true, "GOFLAGS": true, "GOTOOLCHAIN": true, "CGO_ENABLED": true, "GOTRACEBACK": true, "GORACE": true,
	"CI":         true,
	"SYSTEMROOT": true, "COMSPEC": true, "PATHEXT": true, "WINEPREFIX": true, "WINEDEBUG": true,
}

// RaceOptions are for $GORACE: a program that the race detector watches sleeps for a second
// at its end without them. Each child that inherits the environment has them.
const RaceOptions = "atexit_sleep_ms=0"

// Run empties the environment, puts a throw-away home in it, and runs the tests.
// With it no test can reach the person's home, keychain, bus, display or any host
// but loopback: every proxy variable names a closed port, which only loopback
// addresses bypass. It returns the exit code for os.Exit.
//
// Where the system lets it, the tests also have a network of their own, see Apart.
func Run(m *testing.M) int {
	heedSignals()
	goApart()
	home, err := os.MkdirTemp("", "keytender-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testguard:", err)
		return 1
	}
	defer os.RemoveAll(home)
	caches := goCaches()
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !kept[strings.ToUpper(name)] && !strings.HasPrefix(name, "KTTEST_") {
			os.Unsetenv(name)
		}
	}
	set := map[string]string{
		"HOME": home, "USERPROFILE": home, "USER": "tester", "LOGNAME": "tester", "USERNAME": "tester",
		"APPDATA": filepath.Join(home, "AppData", "Roaming"), "LOCALAPPDATA": filepath.Join(home, "AppData", "Local"),
		"XDG_CONFIG_HOME": filepath.Join(home, ".config"), "XDG_STATE_HOME": filepath.Join(home, ".local", "state"),
		"XDG_DATA_HOME": filepath.Join(home, ".local", "share"), "XDG_CACHE_HOME": filepath.Join(home, ".cache"),
		"XDG_RUNTIME_DIR":          home,
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + filepath.Join(home, "no-bus"),
		"HTTPS_PROXY":              "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9",
		"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
		"KEYTENDER_HOME":  filepath.Join(home, "keytender"),
		"KEYTENDER_STORE": "file",
	}
	set["GORACE"] = RaceOptions + " " + os.Getenv("GORACE")
	for name, value := range caches {
		set[name] = value
	}
	for name, value := range set {
		os.Setenv(name, value)
	}
	return m.Run()
}

// goCaches keeps the toolchain's caches where they are although HOME moves, so
// that a test which builds a program does not compile the standard library anew.
func goCaches() map[string]string {
	caches := map[string]string{}
	home, err := os.UserHomeDir()
	if err != nil {
		return caches
	}
	gopath := os.Getenv("GOPATH")
	if gopath == "" {
		gopath = filepath.Join(home, "go")
	}
	caches["GOPATH"] = gopath
	if cache := os.Getenv("GOCACHE"); cache != "" {
		caches["GOCACHE"] = cache
	} else if dir, err := os.UserCacheDir(); err == nil {
		caches["GOCACHE"] = filepath.Join(dir, "go-build")
	}
	if mod := os.Getenv("GOMODCACHE"); mod != "" {
		caches["GOMODCACHE"] = mod
	}
	// The toolchain is told what it was told before, and nothing else.
	for _, name := range []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOSUMCHECK", "GOPRIVATE"} {
		if value, ok := os.LookupEnv(name); ok {
			caches[name] = value
		}
	}
	return caches
}
