package tray

import "testing"

func TestAsRoot(t *testing.T) {
	for _, c := range []struct {
		uid  int
		env  string
		want bool
	}{{0, "SUDO_USER", true}, {0, "DOAS_USER", true}, {0, "PKEXEC_UID", true}, {0, "", false},
		{1000, "SUDO_USER", false}} {
		got := asRoot(c.uid, func(name string) string {
			if name == c.env {
				return "someone"
			}
			return ""
		})
		if got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
