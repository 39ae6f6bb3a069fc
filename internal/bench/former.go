package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// former compares the commands with those of an earlier commit, built as its own Makefile
// has it. Its home is made first, so that each program finds its own files there.
func (b *bench) former() error {
	if b.revision == "" {
		return nil
	}
	tree, was, is := filepath.Join(b.dir, "former"), filepath.Join(b.dir, "was"), filepath.Join(b.dir, "is")
	if err := os.Mkdir(tree, 0o700); err != nil {
		return err
	}
	cmd := exec.Command("sh", "-c", `git archive "$1" | tar -x -C "$2" && make -C "$2" build`, "sh", b.revision, tree)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "BIN=bin", "MAKEFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", b.revision, err, out)
	}
	// Both are copies: how a linker wrote a file, its pages come slower than those of a copy.
	if err := errors.Join(copyProgram(filepath.Join(tree, "bin", "keytender"), was), copyProgram(b.keytender, is)); err != nil {
		return err
	}
	now := b.keytender
	defer func() { b.keytender = now }()
	b.keytender = was
	env, err := b.imported("formerly", "file")
	if err != nil {
		return err
	}
	for _, verb := range []string{"token", "status"} {
		if err := b.compare("`keytender "+verb+"`, file store, and the build before", 1.05, env, []string{is, verb}, []string{was, verb}, "`keytender "+verb+"` of "+b.revision); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o700)
}
