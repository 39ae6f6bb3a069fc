package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	realdesktop "keytender/internal/desktop"
	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

// TestForThoseWhoDoNotSeeIt: in the accessibility tree every line has a name, and says
// by its role and state what it is; the arrow keys reach all that can be clicked.
func TestForThoseWhoDoNotSeeIt(t *testing.T) {
	d := realdesktop.Start(t, realdesktop.Options{Without: []realdesktop.Part{realdesktop.Browser}})
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	programs := buildBoth(t)
	commandLine(t, d, server, programs, "login", "--browser-command", approver(t))
	launch(t, d, server, filepath.Join(programs, "keytender-tray"))
	d.WaitMenu("Renew now")

	all, reached := d.SpokenMenu()
	var clickable []string
	var walk func(items []realdesktop.SpokenItem, path string)
	walk = func(items []realdesktop.SpokenItem, path string) {
		for _, item := range items {
			t.Logf("%s%s: %q enabled=%v checked=%v", path, item.Role, item.Name, item.Enabled, item.Checked)
			if item.Role == "separator" {
				continue
			}
			if strings.TrimSpace(item.Name) == "" {
				t.Errorf("a %s below %q has no name", item.Role, path)
			}
			if item.Enabled {
				clickable = append(clickable, path+item.Name)
			}
			walk(item.Items, path+item.Name+"/")
		}
	}
	walk(all, "")
	find := func(name string) (found realdesktop.SpokenItem) {
		i := slices.IndexFunc(all, func(item realdesktop.SpokenItem) bool { return strings.HasPrefix(item.Name, name) })
		if i < 0 {
			t.Fatalf("no line %q", name)
		}
		return all[i]
	}
	for name, want := range map[string]realdesktop.SpokenItem{
		"a@example.com": {Role: "menu item"}, "Login ends in": {Role: "menu item"},
		"Claude Code: in step": {Role: "menu item"},
		"Sign in again…":       {Role: "menu item", Enabled: true}, "Renew now": {Role: "menu item", Enabled: true},
		"Mirror to Claude Code": {Role: "check menu item", Enabled: true, Checked: true},
		"Start at login":        {Role: "check menu item", Enabled: true},
		"Accounts":              {Role: "menu", Enabled: true}, "Sign out": {Role: "menu", Enabled: true},
		"Quit": {Role: "menu item", Enabled: true},
	} {
		if got := find(name); got.Role != want.Role || got.Enabled != want.Enabled || got.Checked != want.Checked {
			t.Errorf("%q is told as %+v", name, got)
		}
	}
	for _, line := range clickable {
		if !slices.Contains(reached, line) {
			t.Errorf("the arrow keys do not reach %q: %q", line, reached)
		}
	}
}

// TestOtherScripts leaves pictures of the menu in languages of other scripts, to look
// at: each sign has to be there, and fit.
func TestOtherScripts(t *testing.T) {
	d := realdesktop.Start(t, realdesktop.Options{Without: []realdesktop.Part{realdesktop.Browser}})
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	programs := buildBoth(t)
	commandLine(t, d, server, programs, "login", "--browser-command", approver(t))
	for language, words := range map[string][2]string{"ja_JP": {"もう一度ログイン…", "終了"}, "zh_CN": {"重新登录…", "退出"}} {
		launchIn(language+".UTF-8", t, d, server, filepath.Join(programs, "keytender-tray"))
		d.WaitMenu(words[0])
		var signs strings.Builder
		for _, r := range labels(t, d) {
			if unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hiragana, r) || unicode.Is(unicode.Katakana, r) {
				fmt.Fprintf(&signs, " %x", r)
			}
		}
		if found, err := d.Run("fc-list", ":charset="+strings.TrimSpace(signs.String())); err != nil || found == "" {
			t.Errorf("no font here has the signs of %s (%v)", language, err)
		}
		d.OpenMenu()
		d.Screenshot("menu-" + language)
		d.CloseMenu()
		d.ClickMenuDBus(words[1])
		waitGone(t, d)
	}
}

// waitGone waits until no icon is in the tray.
func waitGone(t *testing.T, d *realdesktop.Desktop) {
	t.Helper()
	for end := time.Now().Add(testguard.Patience); ; time.Sleep(50 * time.Millisecond) {
		if _, err := d.TrayIcon(); err != nil {
			return
		} else if time.Now().After(end) {
			t.Fatal("the icon does not go")
		}
	}
}
