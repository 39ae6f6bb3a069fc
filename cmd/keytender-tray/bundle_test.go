package main

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"keytender/internal/testguard"
	"keytender/tray/autostart/launchagent"
)

// TestBundleForMacOS: what `make app` puts together, on whatever system it is done.
func TestBundleForMacOS(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script needs a shell")
	}
	for version, want := range map[string]string{"v1.2.3-4-gabc": "1.2.3", "53f4ef2-dirty": "0.0.0"} {
		bin, out := t.TempDir(), t.TempDir()
		for _, name := range []string{"keytender", "keytender-tray"} {
			testguard.Program(t, filepath.Join(bin, name), []byte(name))
		}
		cmd := exec.Command("../../packaging/macos/bundle.sh", version, bin, out)
		// Not signed here: these are no programs.
		cmd.Env = append(os.Environ(), "PATH="+withoutCodesign(t))
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		contents := filepath.Join(out, "Keytender.app", "Contents")
		keys := plist(t, filepath.Join(contents, "Info.plist"))
		for name, value := range map[string]string{"CFBundleIdentifier": launchagent.BundleID,
			"CFBundleShortVersionString": want,
			"CFBundleVersion":            want, "CFBundleExecutable": "keytender-tray", "LSUIElement": "true",
			"CFBundlePackageType": "APPL"} {
			if keys[name] != value {
				t.Errorf("%s: %s is %q, want %q", version, name, keys[name], value)
			}
		}
		if data, err := os.ReadFile(filepath.Join(contents, "MacOS", keys["CFBundleExecutable"])); err != nil ||
			string(data) != "keytender-tray" {
			t.Errorf("the program: %v", err)
		}
		checkIcons(t, filepath.Join(contents, "Resources", keys["CFBundleIconFile"]+".icns"))
	}
}

// withoutCodesign is a PATH of links to all that the script calls but the signing.
func withoutCodesign(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sh", "dirname", "sed", "rm", "mkdir", "cp", "go", "git"} {
		if path, err := exec.LookPath(name); err == nil {
			if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// plist reads the strings and flags of a property list's dictionary.
func plist(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Dict struct {
			Items []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"dict"`
	}
	if err := xml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for i, item := range document.Dict.Items[1:] {
		if key := document.Dict.Items[i]; key.XMLName.Local == "key" {
			keys[key.Text] = item.Text
			if item.XMLName.Local != "string" {
				keys[key.Text] = item.XMLName.Local
			}
		}
	}
	return keys
}

func checkIcons(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(data[:4]) != "icns" || int(binary.BigEndian.Uint32(data[4:])) != len(data) {
		t.Fatalf("no icon file: %q", data[:8])
	}
	var sizes []string
	for rest := data[8:]; len(rest) > 0; rest = rest[binary.BigEndian.Uint32(rest[4:]):] {
		picture, err := png.DecodeConfig(bytes.NewReader(rest[8:]))
		if want := map[string]int{"ic11": 32, "ic12": 64, "ic07": 128, "ic08": 256,
			"ic09": 512}[string(rest[:4])]; err != nil || picture.Width != want || picture.Height != want {
			t.Errorf("%s is %dx%d (%v)", rest[:4], picture.Width, picture.Height, err)
		}
		sizes = append(sizes, string(rest[:4]))
	}
	if len(sizes) != 5 {
		t.Errorf("sizes %s", strings.Join(sizes, " "))
	}
}
