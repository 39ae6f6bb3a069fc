package main

import "testing"

func TestPlacesAreTakenApartAsScpDoes(t *testing.T) {
	for place, want := range map[string][2]string{
		"build":               {"build", ""},
		"build:":              {"build", ""},
		"me@build:work/":      {"me@build", "work"},
		"build:~/x":           {"build", "~/x"},
		"build:/a//b/../c":    {"build", "/a/c"},
		"build:C:/x":          {"build", "C:/x"},
		"[::1]":               {"::1", ""},
		"me@[fe80::1%eth0]:d": {"me@fe80::1%eth0", "d"},
		"dev:/home/a [b]/c":   {"dev", "/home/a [b]/c"},
	} {
		if name, dir := cutPlace(place); name != want[0] || dir != want[1] {
			t.Errorf("%q is %q and %q", place, name, dir)
		}
	}
}
