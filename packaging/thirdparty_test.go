package packaging

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

var update = flag.Bool("update", false, "write THIRD_PARTY.md anew")

const root = ".."

// module is what a program links of others.
type module struct{ Path, Version, Dir string }

// linked returns the modules that any program for any system links.
func linked(t *testing.T) map[string]module {
	t.Helper()
	found := map[string]module{}
	for _, system := range []string{"linux/0", "linux/1", "windows/0", "darwin/0", "darwin/1"} {
		goos, cgo, _ := strings.Cut(system, "/")
		cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/...")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED="+cgo, "GOFLAGS=")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", system, err)
		}
		for d := json.NewDecoder(strings.NewReader(string(out))); ; {
			var p struct{ Module *module }
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module != nil && p.Module.Version != "" {
				found[p.Module.Path] = *p.Module
			}
		}
	}
	return found
}

// kinds are told apart by a sentence of each; the first that fits counts.
var kinds = []struct{ name, sentence string }{
	{"Apache-2.0", "Apache License"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"BSD-3-Clause", "Neither the name of"},
	{"BSD-3-Clause", "names of its contributors may be used"},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
	{"ISC", "Permission to use, copy, modify, and/or distribute"},
	{"ISC", "Permission to use, copy, modify, and distribute"},
}

func kind(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, k := range kinds {
		if strings.Contains(text, k.sentence) {
			return k.name
		}
	}
	return ""
}

// licences reads the files of a module that say under what it may be used.
func licences(t *testing.T, dir string) (text string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"},
			func(s string) bool { return strings.HasPrefix(name, s) }) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text += strings.TrimSpace(strings.ReplaceAll(string(data), "\r\n", "\n")) + "\n\n"
	}
	return strings.TrimRight(text, "\n") + "\n"
}

const introduction = `# Third parties

<!-- Made by packaging/thirdparty_test.go from the modules themselves: go test ./packaging -run TestThirdParties -update -->

Keytender links parts of the following, each under its own licence. Which of them a program holds depends on the
system; here stand those of all.

| module | version | licence |
| --- | --- | --- |
`

// TestThirdParties holds that THIRD_PARTY.md names what the programs link today, with the
// licences' whole text, which is what they ask for.
func TestThirdParties(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command here to list the modules")
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	standard := strings.TrimSpace(string(goroot))
	if _, err := os.Stat(filepath.Join(standard, "LICENSE")); err != nil {
		t.Skip("this Go came without its licence, which a page here repeats")
	}
	modules := linked(t)
	if len(modules) < 10 {
		t.Fatalf("only %d modules", len(modules))
	}
	modules[""] = module{"the Go standard library", "", standard}

	var table, texts strings.Builder
	users := map[string][]string{} // by the licence's text
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		m := modules[path]
		text := licences(t, m.Dir)
		k := kind(text)
		if k == "" {
			t.Errorf("%s: no licence that is known here: look at it, and add it to the kinds", m.Path)
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", m.Path, strings.TrimSuffix(m.Version, "+incompatible"), k)
		users[text] = append(users[text], m.Path)
	}
	for _, text := range slices.SortedFunc(maps.Keys(users),
		func(a, b string) int { return slices.Compare(users[a], users[b]) }) {
		fmt.Fprintf(&texts, "\n## %s\n\n```\n%s```\n", strings.Join(users[text], ", "), text)
	}
	made, file := introduction+table.String()+texts.String(), filepath.Join(root, "THIRD_PARTY.md")
	if *update {
		if err := os.WriteFile(file, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), made); diff != "" {
		t.Errorf("THIRD_PARTY.md is stale (its first lines say how to make it):\n%s", diff)
	}
}
