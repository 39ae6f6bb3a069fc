package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// former compares the commands with those of an earlier commit, built as its own Makefile
// has it.
func (b *bench) former() error {
	if b.revision == "" {
		return nil
	}
	tree := filepath.Join(b.dir, "former")
	if err := os.Mkdir(tree, 0o700); err != nil {
		return err
	}
	cmd := exec.Command("sh", "-c", `git archive "$1" | tar -x -C "$2" && make -C "$2" build`, "sh", b.revision, tree)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "BIN=bin", "MAKEFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", b.revision, err, out)
	}
	was, err := b.copies(filepath.Join(tree, "bin", "keytender"), "was")
	if err != nil {
		return err
	}
	is, err := b.copies(b.keytender, "is")
	if err != nil {
		return err
	}
	// Each has a home that it made itself: what the other one wrote it would only convert.
	homes := map[string][]string{}
	defer func(now string) { b.keytender = now }(b.keytender)
	for name, program := range map[string]string{"formerly": was[0], "now": is[0]} {
		b.keytender = program
		if homes[name], err = b.imported(name, "file"); err != nil {
			return err
		}
	}
	const limit = 1.05
	for _, verb := range []string{"token", "status"} {
		var all []turn
		for i := range copies {
			turns, err := inTurn(rounds/4, command{homes["now"], []string{is[i], verb}},
				command{homes["formerly"], []string{was[i], verb}})
			if err != nil {
				return err
			}
			all = append(all, turns...)
		}
		b.judge("`keytender "+verb+"`, file store, and the build before",
			atMost(limit, "`keytender "+verb+"` of "+b.revision), limit, all)
	}
	return nil
}

// copies is how many files of each program are run: where the pages of one happen to lie in
// memory moves its time by a tenth, which is more than what is asked here.
const copies = 12

func (b *bench) copies(program, name string) (paths []string, err error) {
	for i := range copies {
		path := filepath.Join(b.dir, fmt.Sprint(name, i))
		if err := copyProgram(program, path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func copyProgram(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o700)
}
