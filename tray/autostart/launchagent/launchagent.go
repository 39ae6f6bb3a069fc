// Package launchagent writes and reads the property list by which launchd starts the
// app when the person logs in. It stands apart so that macOS alone links a reader of
// XML; it opens no file.
package launchagent

import (
	"encoding/xml"
	"path/filepath"
	"strings"
)

// Label names the LaunchAgent.
const Label = "keytender"

// BundleID is what packaging/macos/Info.plist calls the app.
const BundleID = "keytender.tray"

// Render returns the property list that starts program.
func Render(program string) string {
	var path strings.Builder
	_ = xml.EscapeText(&path, []byte(program))
	bundle := ""
	if strings.HasSuffix(filepath.ToSlash(filepath.Dir(program)), ".app/Contents/MacOS") {
		// System Settings then names the app, and not the file.
		bundle = "	<key>AssociatedBundleIdentifiers</key>\n	<string>" + BundleID + "</string>\n"
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + Label + `</string>
	<key>ProgramArguments</key>
	<array>
		<string>` + path.String() + `</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
` + bundle + `	<key>ProcessType</key>
	<string>Interactive</string>
	<key>LimitLoadToSessionType</key>
	<string>Aqua</string>
</dict>
</plist>
`
}

// Parse reads the program and whether it is run at load.
func Parse(text string) (program string, on bool) {
	var document struct {
		Dict struct {
			Items []struct {
				XMLName xml.Name
				Text    string   `xml:",chardata"`
				Strings []string `xml:"string"`
			} `xml:",any"`
		} `xml:"dict"`
	}
	if xml.Unmarshal([]byte(text), &document) != nil {
		return "", false
	}
	disabled := false
	items := document.Dict.Items
	for i := 0; i+1 < len(items); i++ {
		if items[i].XMLName.Local != "key" {
			continue
		}
		value := items[i+1]
		switch items[i].Text {
		case "ProgramArguments":
			if len(value.Strings) > 0 {
				program = value.Strings[0]
			}
		case "RunAtLoad":
			on = value.XMLName.Local == "true"
		case "Disabled":
			disabled = value.XMLName.Local == "true"
		}
	}
	return program, on && !disabled && program != ""
}
