package testguard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOneRename: what is renamed goes through atomicfile.Rename, which on Windows waits for
// whoever reads the file at that moment. The log alone does not: each further line would wait
// as long as somebody looks at it.
func TestOneRename(t *testing.T) {
	excused := map[string]bool{"internal/atomicfile/rename.go": true, "internal/logfile/logfile.go": true}
	met := 0
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, at := range renames(t, filepath.Join(root, name)) {
			met++
			if !excused[name] {
				t.Errorf("%s:%d renames by itself: atomicfile.Rename waits for readers on Windows", name, at)
			}
		}
	}
	if met < len(excused) {
		t.Errorf("only %d renames were found: this test no longer sees them", met)
	}
}

const root = "../.."

// goFiles are the names of all Go files of the project, from its root.
func goFiles(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if name = filepath.ToSlash(name); d.IsDir() &&
			(name == "build" || name == "dist" || name != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !d.IsDir() && filepath.Ext(name) == ".go" {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// renames are the lines of a file that call a Rename of the system's, or robustio's.
func renames(t *testing.T, path string) (lines []int) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if of, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(of.Sel.Name, "Rename") {
			if from, ok := of.X.(*ast.Ident); ok && slices.Contains([]string{"os", "syscall", "windows", "robustio"},
				from.Name) {
				lines = append(lines, files.Position(of.Pos()).Line)
			}
		}
		return true
	})
	return lines
}
