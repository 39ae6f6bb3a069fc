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

// SourceKind is the kind of a credential that Claude Code may use.
type SourceKind string

// The kinds, in the order in which the client takes them. FromSimple is none: with
// CLAUDE_CODE_SIMPLE an API key is used, and nothing else.
const (
	FromCloud      SourceKind = "cloud"
	FromHeaders    SourceKind = "headers"
	FromSocket     SourceKind = "socket"
	FromAuthToken  SourceKind = "auth-token"
	FromHelper     SourceKind = "helper"
	FromAPIKey     SourceKind = "api-key"
	FromSimple     SourceKind = "simple"
	FromOAuthToken SourceKind = "oauth-token"
	FromFederation SourceKind = "federation"
	FromProfile    SourceKind = "profile"
)

// Source is one thing that stands before the entry. It holds no value.
type Source struct {
	Kind SourceKind
	Name string // the variable or setting
	File string // of the settings in which it stands; empty: the environment
	in   string // the file as it is called in a list
}

// String is how it is called in a list.
func (s Source) String() string {
	switch {
	case s.in == "":
		return s.Name
	case s.Kind == FromHelper, s.Name == activeProfile:
		return s.Name + " (" + s.in + ")"
	}
	return "env." + s.Name + " (" + s.in + ")"
}

// clouds send every request elsewhere when they are on.
var clouds = []string{"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY",
	"CLAUDE_CODE_USE_ANTHROPIC_AWS",
	"CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "CLAUDE_CODE_USE_MANTLE"}

// The other variables. Those of credentials count unless they are blank.
const (
	authVariable       = "ANTHROPIC_AUTH_TOKEN"
	keyVariable        = "ANTHROPIC_API_KEY"
	oauthVariable      = "CLAUDE_CODE_OAUTH_TOKEN"
	socketVariable     = "ANTHROPIC_UNIX_SOCKET"
	simpleVariable     = "CLAUDE_CODE_SIMPLE"
	headersVariable    = "ANTHROPIC_CUSTOM_HEADERS"
	profileVariable    = "ANTHROPIC_PROFILE"
	federationVariable = "ANTHROPIC_FEDERATION_RULE_ID"
	baseVariable       = "ANTHROPIC_BASE_URL"
	activeProfile      = "active_config"
	helperSetting      = "apiKeyHelper"
)

// projects are the variables that count in a project's settings, too: switches, and where
// requests go. No credential is among them.
var projects = append(slices.Clone(clouds), headersVariable, baseVariable)

// organizationVariable is what the rule of a federation needs beside it; where the identity
// comes from does not matter.
const organizationVariable = "ANTHROPIC_ORGANIZATION_ID"

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
func (d *Directory) Overrides() []string {
	names := []string{}
	for _, s := range d.Standing("").Before {
		names = append(names, s.String())
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
	var names []string
	for _, s := range d.before(layers{{get: func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}}}) {
		names = append(names, s.String())
	}
	return names
}

// Standing is what counts for a client that is started in one directory.
type Standing struct {
	// Before is what stands before the entry; the first of it is used.
	Before []Source
	// BaseURL, when it is set, is where requests go, with whatever credential; Base names it.
	BaseURL string
	Base    Source
	// Unusable are files of settings that are not what the client takes: it leaves them out.
	Unusable []string
	// ForcedOrganizations are the only ones with which the client starts; empty: any.
	ForcedOrganizations []string
}

// Standing looks at all that stands before the entry for a client that is started in this
// project's directory; empty: in none.
func (d *Directory) Standing(project string) Standing {
	all, unusable := d.layers(project)
	st := Standing{Before: d.before(all), Unusable: unusable}
	if d.federated() {
		st.Before = append(st.Before, Source{Kind: FromFederation, Name: activeProfile, in: ".config/anthropic",
			File: filepath.Join(d.home, ".config", "anthropic", activeProfile)})
	}
	if value, from := all.value(baseVariable); strings.TrimSpace(value) != "" {
		st.BaseURL, st.Base = strings.TrimSpace(value), from.source("", baseVariable)
	}
	for _, l := range all {
		if l.managed && l.organizations != nil {
			st.ForcedOrganizations = l.organizations
		}
	}
	return st
}

// layer is one place where variables and a helper may be set. One that is higher counts
// more, also where it says that a variable is blank or a switch off.
type layer struct {
	in, file      string // empty for the environment
	get           func(name string) (value string, isSet bool)
	helper        bool
	project       bool // of its variables only some count
	managed       bool
	organizations []string
}

func (l layer) source(kind SourceKind, name string) Source {
	return Source{Kind: kind, Name: name, File: l.file, in: l.in}
}

// layers in the order in which they count, the highest last.
type layers []layer

// value is what a variable is for the client, and where that stands.
func (all layers) value(name string) (value string, from layer) {
	for i := len(all) - 1; i >= 0; i-- {
		l := all[i]
		if l.project && !slices.Contains(projects, name) {
			continue
		}
		if value, isSet := l.get(name); isSet {
			return value, l
		}
	}
	return "", layer{}
}

// layers reads all settings that count in this project's directory.
func (d *Directory) layers(project string) (all layers, unusable []string) {
	all = layers{{get: d.env}}
	add := func(path, in string, change func(*layer)) {
		l, found, ok := settingsLayer(path, in)
		switch {
		case !ok:
			unusable = append(unusable, path)
		case found:
			change(&l)
			all = append(all, l)
		}
	}
	add(filepath.Join(d.settingsDir, "settings.json"), "settings.json", func(*layer) {})
	if project != "" {
		folder := filepath.Join(project, ".claude")
		for _, name := range []string{"settings.json", "settings.local.json"} {
			// The person's own folder is a project too where the client is started in it; its
			// settings.json was read above.
			if name == "settings.json" && realPath(folder) == realPath(d.settingsDir) {
				continue
			}
			add(filepath.Join(folder, name), ".claude/"+name+" of the project", func(l *layer) { l.project = true })
		}
	}
	managed := managedDir(d.goos)
	parts, _ := filepath.Glob(filepath.Join(managed, "managed-settings.d", "*.json"))
	add(filepath.Join(managed, "managed-settings.json"), "managed-settings.json", func(l *layer) { l.managed = true })
	for _, part := range parts { // by name
		add(part, "managed-settings.d", func(l *layer) { l.managed = true })
	}
	return all, unusable
}

// settingsLayer reads one file of settings. One that is no JSON object is not ok.
func settingsLayer(path, in string) (l layer, found, ok bool) {
	data, err := readSettings(path)
	if os.IsNotExist(err) {
		return layer{}, false, true
	}
	var settings map[string]any
	if err != nil || json.Unmarshal(data, &settings) != nil {
		return layer{}, false, false
	}
	env, _ := settings["env"].(map[string]any)
	helper, _ := settings[helperSetting].(string)
	l = layer{in: in, file: path, helper: strings.TrimSpace(helper) != ""}
	l.get = func(name string) (string, bool) {
		switch value := env[name].(type) {
		case nil:
			return "", false
		case string:
			return value, true
		default:
			return fmt.Sprint(value), true
		}
	}
	switch forced := settings["forceLoginOrgUUID"].(type) {
	case string:
		l.organizations = []string{forced}
	case []any:
		for _, id := range forced {
			if value, isString := id.(string); isString {
				l.organizations = append(l.organizations, value)
			}
		}
	}
	return l, true, true
}

// before lists what stands before the entry, in the order in which the client takes it.
func (d *Directory) before(all layers) (list []Source) {
	given := func(kind SourceKind, name string, counts func(value string) bool) (found []Source) {
		if value, from := all.value(name); counts(value) {
			found = append(found, from.source(kind, name))
		}
		return found
	}
	for _, name := range clouds {
		list = append(list, given(FromCloud, name, truthy)...)
	}
	list = append(list, given(FromHeaders, headersVariable, authorizes)...)
	list = append(list, given(FromSocket, socketVariable, notBlank)...)
	bearer := given(FromAuthToken, authVariable, notBlank)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].helper {
			bearer = append(bearer, all[i].source(FromHelper, helperSetting))
		}
	}
	key := given(FromAPIKey, keyVariable, notBlank)
	if simple := given(FromSimple, simpleVariable, truthy); len(simple) > 0 {
		list = append(append(append(list, key...), simple...), bearer...) // with it the key alone is used
	} else {
		list = append(append(list, bearer...), key...)
	}
	list = append(list, given(FromOAuthToken, oauthVariable, notBlank)...)
	if value, _ := all.value(organizationVariable); notBlank(value) {
		list = append(list, given(FromFederation, federationVariable, notBlank)...)
	}
	list = append(list, given(FromProfile, profileVariable,
		func(name string) bool { return d.isProfile(strings.TrimSpace(name)) })...)
	return list
}

func notBlank(value string) bool { return strings.TrimSpace(value) != "" }

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
	if name == "" || name != filepath.Base(name) {
		return false
	}
	info, err := os.Stat(d.profileFile(name))
	return err == nil && info.Mode().IsRegular()
}

// federated reports whether the profile that is active signs in by federation.
func (d *Directory) federated() bool {
	active, err := readSettings(filepath.Join(d.home, ".config", "anthropic", activeProfile))
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

// HasGateway reports whether the entry names a gateway of the account's organisation.
func (e Entry) HasGateway() bool { return e.document().get(gatewayKey) != nil }

// StateFile is the client's state file.
func (d *Directory) StateFile() string { return d.stateFile() }

// HasConsoleKey reports whether the client's state file holds an API key that it made at a
// Console sign-in. It uses it where the entry holds no login. On macOS such a key may lie
// in a keychain item, which is not looked at.
func (d *Directory) HasConsoleKey() bool {
	data, err := readSettings(d.stateFile())
	var state struct {
		Key string `json:"primaryApiKey"`
	}
	return err == nil && json.Unmarshal(data, &state) == nil && state.Key != ""
}
