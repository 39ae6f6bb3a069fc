//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The hint is about what stands there, and not about what would lie below it.
func TestMending(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink("link", link)); err != nil {
		t.Fatal(err)
	}
	for path, c := range map[string]struct {
		err  error
		want string
	}{
		file:                            {syscall.EACCES, "chmod u+rw 'DIR/file'"},
		dir + "/none":                   {syscall.EACCES, "chmod u+rwx 'DIR'"},
		dir + "/none/below":             {syscall.EPERM, "chmod u+rwx 'DIR'"},
		file + "/below":                 {syscall.ENOTDIR, "move 'DIR/file' away"},
		link + "/below":                 {syscall.ELOOP, "move 'DIR/link' away"},
		link:                            {syscall.EEXIST, "move 'DIR/link' away"},
		os.DevNull + "/below/and/below": {syscall.ENOTDIR, "name a folder instead of '" + os.DevNull + "'"},
		dir + "/there":                  {syscall.EIO, ""},
	} {
		got := Mending(fmt.Errorf("reading: %w", &fs.PathError{Op: "open", Path: path, Err: c.err}))
		want := strings.ReplaceAll(c.want, "DIR", dir)
		if !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%s, %v: %q, not %q", path, c.err, got, want)
		}
	}
	if got := Mending(fs.ErrPermission); got != "" {
		t.Errorf("no path: %q", got)
	}
}
