package claudecode

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What stands before the entry, measured on the client: with any of these it sends its
// requests elsewhere, or with another credential. Another program's environment cannot be
// seen; what is named here is that of this process.

// switches send every request elsewhere when they are on.
var switches = []string{
	"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_ANTHROPIC_AWS",
	"CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_SIMPLE",
}

// credentials count unless they are blank.
var credentials = []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_UNIX_SOCKET"}

// The others need a closer look.
const (
	headersVariable    = "ANTHROPIC_CUSTOM_HEADERS"
	profileVariable    = "ANTHROPIC_PROFILE"
	federationVariable = "ANTHROPIC_FEDERATION_RULE_ID"
)

// federation is complete with these beside the rule.
var federation = []string{"ANTHROPIC_ORGANIZATION_ID", "ANTHROPIC_IDENTITY_TOKEN"}

// managedDir is where an administrator's settings lie. Tests put another in its place.
var managedDir = func(goos string) string {
	switch goos {
	case "darwin":
		return "/Library/Application Support/ClaudeCode"
	case "windows":
		return `C:\Program Files\ClaudeCode`
	}
	return "/etc/claude-code"
}

// Overrides names what makes the entry ineffective for Claude Code: variables of our own
// environment, and of the person's and the administrator's settings what stands before it.
// Values are never shown.
func (d *Directory) Overrides() []string { return d.OverridesIn("") }

// OverridesIn is Overrides for a client that is started in this project's directory.
func (d *Directory) OverridesIn(project string) []string {
	names := d.overriding(d.env.get)
	names = append(names, d.inSettings(filepath.Join(d.settingsDir, "settings.json"), "settings.json", true)...)
	// A project's own env is not used for credentials; its helper is. The person's own
	// folder is no project's, and its settings.local.json is used by nobody.
	if folder := filepath.Join(project, ".claude"); project != "" && folder != d.settingsDir {
		for _, name := range []string{"settings.json", "settings.local.json"} {
			names = append(names, d.inSettings(filepath.Join(folder, name), ".claude/"+name+" of the project", false)...)
		}
	}
	managed := managedDir(d.goos)
	names = append(names, d.inSettings(filepath.Join(managed, "managed-settings.json"), "managed-settings.json", true)...)
	parts, _ := filepath.Glob(filepath.Join(managed, "managed-settings.d", "*.json"))
	for _, part := range parts {
		names = append(names, d.inSettings(part, "managed-settings.d", true)...)
	}
	if d.federated() {
		names = append(names, "active_config (.config/anthropic)")
	}
	return names
}

// OverridingIn is the part of it that stands in an environment, a list of NAME=VALUE.
func (d *Directory) OverridingIn(environ []string) []string {
	values := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return d.overriding(func(name string) string { return values[name] })
}

// overriding names the variables of one environment that stand before the entry.
func (d *Directory) overriding(get func(string) string) []string {
	names := []string{}
	given := func(name string) bool { return strings.TrimSpace(get(name)) != "" }
	for _, name := range credentials {
		if given(name) {
			names = append(names, name)
		}
	}
	if given(federationVariable) && !slices.ContainsFunc(federation, func(name string) bool { return !given(name) }) {
		names = append(names, federationVariable)
	}
	if authorizes(get(headersVariable)) {
		names = append(names, headersVariable)
	}
	if profile := strings.TrimSpace(get(profileVariable)); profile != "" && d.isProfile(profile) {
		names = append(names, profileVariable)
	}
	for _, name := range switches {
		if truthy(get(name)) {
			names = append(names, name)
		}
	}
	return names
}

// truthy reads a switch as the client does: =0 and =false are off.
func truthy(text string) bool {
	return !slices.Contains([]string{"", "0", "false", "no", "off"}, strings.ToLower(strings.TrimSpace(text)))
}

// authorizes looks for an Authorization line among custom headers.
func authorizes(headers string) bool {
	for line := range strings.Lines(headers) {
		name, _, isHeader := strings.Cut(line, ":")
		if isHeader && strings.EqualFold(strings.TrimSpace(name), "authorization") {
			return true
		}
	}
	return false
}

// profileFile is where a profile of Anthropic's own tools would be.
func (d *Directory) profileFile(name string) string {
	return filepath.Join(d.home, ".config", "anthropic", "configs", name+".json")
}

// isProfile reports whether there is such a profile: the client goes on with the entry when
// there is none.
func (d *Directory) isProfile(name string) bool {
	if name != filepath.Base(name) {
		return false
	}
	info, err := os.Stat(d.profileFile(name))
	return err == nil && info.Mode().IsRegular()
}

// federated reports whether the profile that is active signs in by federation.
func (d *Directory) federated() bool {
	active, err := readSettings(filepath.Join(d.home, ".config", "anthropic", "active_config"))
	name := strings.TrimSpace(string(active))
	if err != nil || name == "" || !d.isProfile(name) {
		return false
	}
	data, err := readSettings(d.profileFile(name))
	var profile map[string]any
	if err != nil || json.Unmarshal(data, &profile) != nil {
		return false
	}
	authentication, _ := profile["authentication"].(map[string]any)
	return profile["type"] == "oidc_federation" || authentication["type"] == "oidc_federation"
}

// inSettings names what one file of settings puts before the entry.
func (d *Directory) inSettings(path, shown string, withEnv bool) []string {
	data, err := readSettings(path)
	if err != nil {
		return nil
	}
	var settings map[string]any
	if json.Unmarshal(data, &settings) != nil {
		return nil
	}
	var names []string
	if helper, _ := settings["apiKeyHelper"].(string); strings.TrimSpace(helper) != "" {
		names = append(names, "apiKeyHelper ("+shown+")")
	}
	env, _ := settings["env"].(map[string]any)
	if !withEnv || env == nil {
		return names
	}
	get := func(name string) string {
		switch value := env[name].(type) {
		case nil:
			if slices.Contains(federation, name) {
				return d.env.get(name) // it joins what stands in the environment
			}
			return ""
		case string:
			return value
		default:
			return fmt.Sprint(value)
		}
	}
	for _, name := range d.overriding(get) {
		names = append(names, "env."+name+" ("+shown+")")
	}
	return names
}
