// Package launchagent writes and reads the property lists by which launchd starts the
// app, or the agent, when the person logs in. It stands apart so that macOS alone links a reader of
// XML; it opens no file.
package launchagent

import (
	"encoding/xml"
	"path/filepath"
	"strings"
)

// Label and AgentLabel name the LaunchAgents of the app and of the agent.
const (
	Label      = "keytender"
	AgentLabel = "keytender.agent"
)

// BundleID is what packaging/macos/Info.plist calls the app.
const BundleID = "keytender.tray"

// Render returns the property list that starts program, the app.
func Render(program string) string {
	bundle := ""
	if strings.HasSuffix(filepath.ToSlash(filepath.Dir(program)), ".app/Contents/MacOS") {
		// System Settings then names the app, and not the file.
		bundle = "	<key>AssociatedBundleIdentifiers</key>\n	<string>" + BundleID + "</string>\n"
	}
	return list(Label, bundle+`	<key>ProcessType</key>
	<string>Interactive</string>
	<key>LimitLoadToSessionType</key>
	<string>Aqua</string>
`, program)
}

// RenderAgent returns the one that starts the command line, program, as the agent: also for
// somebody who is logged in over SSH alone, and again when it ended with an error.
func RenderAgent(program string) string {
	return list(AgentLabel, `	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>30</integer>
	<key>ProcessType</key>
	<string>Background</string>
	<key>LimitLoadToSessionType</key>
	<array>
		<string>Aqua</string>
		<string>Background</string>
	</array>
`, program, "agent")
}

func list(label, more string, command ...string) string {
	var words strings.Builder
	for _, word := range command {
		words.WriteString("		<string>")
		_ = xml.EscapeText(&words, []byte(word))
		words.WriteString("</string>\n")
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + label + `</string>
	<key>ProgramArguments</key>
	<array>
` + words.String() + `	</array>
	<key>RunAtLoad</key>
	<true/>
` + more + `</dict>
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
