package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// maxLinks is where the system, too, gives up.
const maxLinks = 40

// Follow returns the file that path leads to by links of the person's own, and path itself
// when it is no link or nothing stands there. A link of somebody else, or one to anything
// but a regular file of the person's, is a *RefusedError.
func Follow(path string) (target string, err error) {
	target = path
	for range maxLinks {
		info, err := os.Lstat(target)
		switch {
		case errors.Is(err, fs.ErrNotExist) && target == path:
			return path, nil
		case errors.Is(err, fs.ErrNotExist):
			return "", &RefusedError{path, "it is a symbolic link that leads nowhere"}
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink == 0 && target == path:
			return path, nil
		case info.Mode()&fs.ModeSymlink == 0:
			return target, leadsTo(path, info)
		}
		if reason := foreignOwner(info); reason != "" {
			return "", &RefusedError{path, "it is a symbolic link, and " + reason}
		}
		if target, err = nextOf(target); err != nil {
			return "", &RefusedError{path, "it is a symbolic link that leads nowhere"}
		}
	}
	return "", &RefusedError{path, "it is a symbolic link that leads in a circle"}
}

func leadsTo(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &RefusedError{path, "it is a symbolic link to what is no regular file"}
	}
	if reason := foreignOwner(info); reason != "" {
		return &RefusedError{path, "it is a symbolic link to a file of somebody else: " + reason}
	}
	return nil
}

// nextOf is where one link leads, its folder without links: a `..` in the link counts from
// there.
func nextOf(link string) (string, error) {
	to, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(to) {
		dir, err := filepath.EvalSymlinks(filepath.Dir(link))
		if err != nil {
			return "", err
		}
		to = dir + string(filepath.Separator) + to
	}
	parent, name := filepath.Split(to) // unlike Dir it does not clean: a `..` may follow a link
	dir, err := filepath.EvalSymlinks(parent)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// ReadShared is Read for a file that is not ours alone: it follows links of the person's
// own, and reads a file that has another name or another owner too. Such a file is never
// written.
func ReadShared(path string, limit int64) ([]byte, error) {
	target, err := Follow(path)
	if err != nil {
		return nil, err
	}
	return read(target, limit, func(path string, info fs.FileInfo, _ *os.File) error { return checkKind(path, info) })
}
