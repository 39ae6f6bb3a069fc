package testguard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestEngineIsSmall: what the engine can do has homes of its own, and a call says little
// enough to be read.
func TestEngineIsSmall(t *testing.T) {
	const mostMethods, mostParameters = 90, 4
	paths, err := filepath.Glob("../session/*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := 0
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
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if receiver(f) == "Engine" {
				methods++
			}
			if n := parameters(f.Type); n > mostParameters {
				t.Errorf("%s: %s takes %d parameters beside ctx", files.Position(f.Pos()), f.Name.Name, n)
			}
		}
	}
	if methods == 0 || methods > mostMethods {
		t.Errorf("the engine has %d methods, and may have %d", methods, mostMethods)
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
