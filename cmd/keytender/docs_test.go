package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keytender/internal/config"
)

// These tests hold README.md and docs/ against the tree: what they name must exist.

// pages are the project's documents by their paths in it.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(projectRoot, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel(projectRoot, path)
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	if len(texts) == 0 {
		t.Fatal("there are no documents")
	}
	return texts
}

// source is what the documents may name of a Go file.
type source struct {
	names    map[string]bool // Func, Type, Type.Method, value
	literals []string
}

// sources parses every Go file of the project, by its path in it.
func sources(t *testing.T) map[string]source {
	t.Helper()
	all := map[string]source{}
	err := filepath.WalkDir(projectRoot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(projectRoot, path)
		switch {
		case entry.IsDir() && (name == ".git" || name == "build" || name == "bin"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(name)] = read(file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(file *ast.File) source {
	s := source{names: map[string]bool{}}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				kind := d.Recv.List[0].Type
				if star, ok := kind.(*ast.StarExpr); ok {
					kind = star.X
				}
				if generic, ok := kind.(*ast.IndexExpr); ok {
					kind = generic.X
				}
				name = kind.(*ast.Ident).Name + "." + name
			}
			s.names[name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					s.names[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						s.names[name.Name] = true
					}
				}
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				s.literals = append(s.literals, text)
			}
		}
		return true
	})
	return s
}

var (
	fileReference   = regexp.MustCompile("`([A-Za-z0-9_./-]+\\.go)(?::([A-Za-z0-9_.]+))?`")
	folderReference = regexp.MustCompile(
		"`((?:assets|callback|cmd|docs|internal|keychain|packaging|tray)/[a-z0-9_/.-]*)`")
)

// TestDocumentsNameFiles holds `path/file.go`, `path/file.go:Func` (or Type, or
// Type.Method) and `folder/` in the documents. A file without a folder is any of
// that name.
func TestDocumentsNameFiles(t *testing.T) {
	code := sources(t)
	for page, text := range pages(t) {
		for _, found := range fileReference.FindAllStringSubmatch(text, -1) {
			file, name := found[1], found[2]
			exists, named := false, name == ""
			for path, source := range code {
				if path == file || !strings.Contains(file, "/") && strings.HasSuffix(path, "/"+file) {
					exists, named = true, named || source.names[name]
				}
			}
			if !exists {
				t.Errorf("%s names %s, which does not exist", page, file)
			} else if !named {
				t.Errorf("%s names %s in %s, which is not there", page, name, file)
			}
		}
		for _, found := range folderReference.FindAllStringSubmatch(text, -1) {
			if strings.HasSuffix(found[1], ".go") || strings.Contains(found[1], "...") {
				continue
			}
			if _, err := os.Stat(filepath.Join(projectRoot, found[1])); err != nil {
				t.Errorf("%s names %s, which does not exist", page, found[1])
			}
		}
	}
}

var (
	link     = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
	fence    = regexp.MustCompile("(?ms)^```.*?^```$")
)

// TestDocumentsLinkSomewhere holds every relative link, its heading too.
func TestDocumentsLinkSomewhere(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, ":") {
				continue // https:, mailto:
			}
			path := page
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			if _, err := os.Stat(filepath.Join(projectRoot, path)); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, found[1])
				continue
			}
			if anchor != "" && strings.HasSuffix(path, ".md") && !slices.Contains(anchors(all[path]), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", page, found[1])
			}
		}
	}
}

// anchors are the headings of a page as links name them.
func anchors(text string) (names []string) {
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := noAnchor.ReplaceAllString(strings.ToLower(found[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// commands are the command lines of ours in a page: in backticks, and at the
// beginning of a line of a code block.
func commands(text string) (lines []string) {
	for _, block := range fence.FindAllString(text, -1) {
		for _, found := range regexp.MustCompile(`(?m)^ *(?:\$ )?(keytender .+)$`).FindAllStringSubmatch(block, -1) {
			lines = append(lines, found[1])
		}
	}
	for _, found := range regexp.MustCompile("`(keytender [^`]+)`").FindAllStringSubmatch(fence.ReplaceAllString(text,
		""), -1) {
		lines = append(lines, found[1])
	}
	return lines
}

// TestDocumentsNameVerbs holds the verbs and flags in the documents' command lines.
func TestDocumentsNameVerbs(t *testing.T) {
	root := commandTree()
	for page, text := range pages(t) {
		for _, whole := range commands(text) {
			line := whole
			if end := strings.IndexAny(line, "#;&>)$"); end >= 0 {
				line = line[:end]
			}
			line, _, _ = strings.Cut(line, " | ")
			words := strings.Fields(line)[1:]
			if len(words) == 0 || !isVerb(words[0]) {
				continue // `keytender VERB`, `keytender --help`
			}
			cmd, rest, err := root.Find(words)
			if err != nil || cmd == root || cmd.HasAvailableSubCommands() && len(rest) > 0 && isVerb(rest[0]) {
				t.Errorf("%s: `%s`: there is no such verb", page, whole)
				continue
			}
			for _, word := range words {
				name, isFlag := strings.CutPrefix(strings.Trim(word, "[]|"), "--")
				name, _, _ = strings.Cut(strings.TrimRight(name, "[],.…"), "=")
				name, _, _ = strings.Cut(name, "[")
				if isFlag && name != "" && cmd.Flags().Lookup(name) == nil {
					t.Errorf("%s: `%s`: there is no flag --%s", page, whole, name)
				}
			}
		}
	}
}

var verbShape = regexp.MustCompile(`^[a-z][a-z-]*$`)

func isVerb(word string) bool { return verbShape.MatchString(word) }

// ours are the variables whose every mention in the program must be explained.
var ours = regexp.MustCompile(
	`^((KEYTENDER|ANTHROPIC|CLAUDE|SSH|XDG)_[A-Z0-9_]+|NO_COLOR|(WAYLAND_)?DISPLAY|DBUS_SESSION_BUS_ADDRESS)$`)

const configurationPage = "docs/configuration.md"

// TestVariablesAreDocumented holds that docs/configuration.md names every variable
// that the programs read, and no other of ours.
func TestVariablesAreDocumented(t *testing.T) {
	known := map[string]bool{}
	for path, source := range sources(t) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "internal/fakeclaude/") ||
			strings.HasPrefix(path, "internal/desktop/") ||
			strings.HasPrefix(path, "internal/testguard/") || strings.HasPrefix(path, "tray/traytest/") {
			continue
		}
		for _, text := range source.literals {
			if ours.MatchString(text) && !strings.HasSuffix(text, "_") {
				known[text] = true
			}
		}
	}
	if len(known) < 20 {
		t.Fatalf("only %d variables found in the source", len(known))
	}
	page := pages(t)[configurationPage]
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s does not name %s", configurationPage, name)
		}
	}
	for name, text := range pages(t) {
		for _, variable := range regexp.MustCompile(`\bKEYTENDER_[A-Z_]+\b`).FindAllString(text, -1) {
			if !known[variable] {
				t.Errorf("%s names %s, which the program does not know", name, variable)
			}
		}
	}
}

// row is a setting in the table: variable, key of config.toml, default.
var row = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| `([a-z_]+)` \\| (?:`([^`]*)`|none) \\|")

// TestSettingsAreDocumented holds variables, keys and defaults in the table of
// docs/configuration.md against the program: each key is written into a config.toml
// with its default and read back.
func TestSettingsAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	folder := t.TempDir()
	nothing := func(name string) (string, bool) { return folder, name == "KEYTENDER_HOME" }
	standard, err := config.Load(nothing, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range row.FindAllStringSubmatch(pages(t)[configurationPage], -1) {
		variable, key, value := found[1], found[2], found[3]
		documented[variable] = true
		if known, ok := standard.Origin[variable]; ok && known.Value != value {
			t.Errorf("%s: the default is %q, not %q", variable, known.Value, value)
		}
		home := t.TempDir()
		file := filepath.Join(home, "config.toml")
		if err := os.WriteFile(file, []byte(key+" = "+strconv.Quote(value)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		lookup := func(name string) (string, bool) {
			if name == "KEYTENDER_HOME" {
				return home, true
			}
			return "", false
		}
		c, err := config.Load(lookup, nil)
		if err != nil {
			t.Errorf("%s: its key %s cannot be used: %v", variable, key, err)
		} else if c.Origin[variable].From != file {
			t.Errorf("%s: its key is not %s", variable, key)
		}
	}
	for _, name := range standard.Names() {
		if !documented[name] {
			t.Errorf("%s has no row in the table of %s", name, configurationPage)
		}
	}
}
