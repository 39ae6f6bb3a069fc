package testguard

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestEngineIsSmall: what the engine can do has homes of its own, and a call says little
// enough to be read.
func TestEngineIsSmall(t *testing.T) {
	const mostMethods, mostParameters = 90, 4
	methods := 0
	eachOfSession(t, func(files *token.FileSet, decl ast.Decl) {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			return
		}
		if receiver(f) == "Engine" {
			methods++
		}
		if n := parameters(f.Type); n > mostParameters {
			t.Errorf("%s: %s takes %d parameters beside ctx", files.Position(f.Pos()), f.Name.Name, n)
		}
	})
	if methods == 0 || methods > mostMethods {
		t.Errorf("the engine has %d methods, and may have %d", methods, mostMethods)
	}
}

// TestWorkIsSmall: a piece of work under the lock has what every task needs, and a task, a
// type that holds a piece of work alone, has what is done there.
func TestWorkIsSmall(t *testing.T) {
	const mostMethods, mostInTask = 60, 25
	methods, tasks := map[string]int{}, []string{}
	eachOfSession(t, func(_ *token.FileSet, decl ast.Decl) {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			methods[receiver(d)]++
		case *ast.GenDecl:
			tasks = append(tasks, tasksIn(d)...)
		}
	})
	if n := methods["work"]; n == 0 || n > mostMethods {
		t.Errorf("a piece of work has %d methods, and may have %d", n, mostMethods)
	}
	if len(tasks) == 0 {
		t.Error("no task was found")
	}
	for _, task := range tasks {
		if n := methods[task]; n == 0 || n > mostInTask {
			t.Errorf("%s has %d methods, and may have %d", task, n, mostInTask)
		}
	}
}

// tasksIn are the types among what is declared that hold a piece of work and nothing else.
func tasksIn(d *ast.GenDecl) (tasks []string) {
	for _, spec := range d.Specs {
		of, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		if s, ok := of.Type.(*ast.StructType); ok && len(s.Fields.List) == 1 &&
			types.ExprString(s.Fields.List[0].Type) == "*work" {
			tasks = append(tasks, of.Name.Name)
		}
	}
	return tasks
}

// eachOfSession calls do for each declaration of the engine's package, without its tests.
func eachOfSession(t *testing.T, do func(*token.FileSet, ast.Decl)) {
	t.Helper()
	paths, err := filepath.Glob("../session/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			do(files, decl)
		}
	}
}

// receiver is the type that a method belongs to; empty: it is a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// parameters counts them, without a context.
func parameters(f *ast.FuncType) (n int) {
	for _, field := range f.Params.List {
		if of, ok := field.Type.(*ast.SelectorExpr); ok && of.Sel.Name == "Context" {
			continue
		}
		n += max(1, len(field.Names))
	}
	return n
}

// TestLinesAreShort: a line is as long as .editorconfig says, but for a literal that is too
// long by itself: what people read stands whole.
func TestLinesAreShort(t *testing.T) {
	const longest, longLiteral = 120, 60
	for _, name := range goFiles(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		literal := widestLiterals(data)
		for i, line := range strings.Split(string(data), "\n") {
			width := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
			if width > longest && literal[i+1] < longLiteral {
				t.Errorf("%s:%d has %d columns", name, i+1, width)
			}
		}
	}
}

// TestProgramsAreStartable: what is written to be started is written by Program.
func TestProgramsAreStartable(t *testing.T) {
	other := map[string]string{
		"internal/bench/former.go":        "starts nothing else meanwhile",
		"internal/testguard/script.go":    "Program itself",
		"keychain/replaced_linux_test.go": "is never started: that is what it is for",
		"keychain/child_test.go":          "for Windows, which has no such trouble",
	}
	written := regexp.MustCompile(`os\.WriteFile\([^\n]*\b0o7[0-7]{2}\)`)
	for _, name := range goFiles(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if found := written.Find(data); (found != nil) != (other[filepath.ToSlash(name)] != "") {
			t.Errorf("%s: %q", name, found)
		}
	}
}

// widestLiterals is the width of each line's widest string or comment; one over several lines counts in each.
func widestLiterals(src []byte) map[int]int {
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, scanner.ScanComments)
	widest := map[int]int{}
	for {
		at, kind, literal := s.Scan()
		switch kind {
		case token.EOF:
			return widest
		case token.STRING, token.COMMENT:
			first := file.Line(at)
			for i := range 1 + strings.Count(literal, "\n") {
				widest[first+i] = max(widest[first+i], utf8.RuneCountInString(literal))
			}
		default: // can be broken
		}
	}
}
