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
	const root = "../.."
	excused := map[string]bool{"internal/atomicfile/rename.go": true, "internal/logfile/logfile.go": true}
	met := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if name = filepath.ToSlash(name); d.IsDir() &&
			(name == "build" || name == "dist" || name != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		for _, at := range renames(t, path) {
			met++
			if !excused[name] {
				t.Errorf("%s:%d renames by itself: atomicfile.Rename waits for readers on Windows", name, at)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if met < len(excused) {
		t.Errorf("only %d renames were found: this test no longer sees them", met)
	}
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
