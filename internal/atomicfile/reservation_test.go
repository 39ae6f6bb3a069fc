package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "entry")
	old := time.Now().Add(-time.Hour)
	mustWrite(t, path+".room.0123abcd", "left behind")
	_ = os.Chtimes(path+".room.0123abcd", old, old)
	mustWrite(t, path+".room.89abcdef", "another's")

	for _, size := range []int64{0, 3, 5000} { // smaller than, as large as and larger than what comes
		reserved, err := Reserve(path, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := reserved.Write([]byte("new"), 0o600); err != nil || mustRead(t, path) != "new" {
			t.Errorf("%d: %v", size, err)
		}
		if err := reserved.Write([]byte("again"), 0o600); err != nil || mustRead(t, path) != "again" {
			t.Errorf("%d, again: %v", size, err)
		}
		reserved.Discard()
	}
	unused, err := Reserve(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	unused.Discard()
	unused.Discard()
	(*Reservation)(nil).Discard()
	swept, err := Reserve(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(swept.temp.Name()); err != nil && runtime.GOOS != "windows" { // which keeps an open one
		t.Fatal(err)
	}
	if err := swept.Write([]byte("swept"), 0o600); err != nil || mustRead(t, path) != "swept" {
		t.Errorf("after its reservation was swept: %v", err)
	}
	if got := strings.Join(names(t, dir), " "); got != "entry entry.room.89abcdef" {
		t.Errorf("left: %s", got)
	}
}

func TestRoomSurvivesEveryFault(t *testing.T) {
	whole := Disk
	defer func() { Disk = whole }()
	for step, fault := range map[string]func(){
		"write":  func() { Disk.Write = func(*os.File, []byte) (int, error) { return 0, syscall.EIO } },
		"chmod":  func() { Disk.Chmod = func(*os.File, fs.FileMode) error { return syscall.EIO } },
		"sync":   func() { Disk.Sync = func(*os.File) error { return syscall.EIO } },
		"rename": func() { Disk.Rename = func(string, string) error { return syscall.EIO } },
	} {
		Disk = whole
		path := filepath.Join(t.TempDir(), "entry")
		mustWrite(t, path, "old")
		reserved, err := Reserve(path, 100)
		if err != nil {
			t.Fatal(err)
		}
		fault()
		if err := reserved.Write([]byte("new"), 0o600); !errors.Is(err, syscall.EIO) || mustRead(t, path) != "old" {
			t.Errorf("%s: %v, %q", step, err, mustRead(t, path))
		}
		reserved.Discard()
		if got := names(t, filepath.Dir(path)); len(got) != 1 {
			t.Errorf("%s left behind: %v", step, got)
		}
	}
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	_ = os.MkdirAll(at("deep/er"), 0o700)
	mustWrite(t, at("target"), "content")
	for link, to := range map[string]string{
		"direct": at("target"), "relative": "target", "chain": "direct", "folder": at("deep/er"),
		"up":      "folder/../../target",
		"nowhere": at("none"), "noplace": at("none/none"), "circle": "circle2", "circle2": "circle", "dir": at("deep"),
	} {
		if err := symlink(to, at(link)); err != nil {
			t.Skip(err)
		}
	}
	tests := map[string]struct{ target, says string }{
		"target": {at("target"), ""}, "absent": {at("absent"), ""}, "direct": {at("target"), ""},
		"relative": {at("target"), ""},
		"chain":    {at("target"), ""}, "up": {at("target"), ""},
		"nowhere": {"", "leads nowhere"}, "noplace": {"", "leads nowhere"}, "circle": {"", "circle"},
		"dir": {"", "no regular file"},
	}
	for name, tt := range tests {
		got, err := Follow(at(name))
		var refused *RefusedError
		switch {
		case tt.says == "" && (err != nil || got != tt.target):
			t.Errorf("%s: %s, %v", name, got, err)
		case tt.says != "" && (!errors.As(err, &refused) || refused.Path != at(name) ||
			!strings.Contains(err.Error(), tt.says)):
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, err := ReadShared(at("chain"), 100); err != nil || string(data) != "content" {
		t.Errorf("read through links: %q, %v", data, err)
	}
	if _, err := ReadShared(at("nowhere"), 100); err == nil {
		t.Error("a link that leads nowhere is read")
	}
	if err := os.Link(at("target"), at("hard")); err != nil {
		t.Skip(err)
	}
	if data, err := ReadShared(at("hard"), 100); err != nil || string(data) != "content" {
		t.Errorf("a hard link: %q, %v", data, err)
	}
	var refused *RefusedError
	if err := Replace(at("hard"), []byte("x"), 0o600); !errors.As(err, &refused) {
		t.Errorf("a hard link is written: %v", err)
	}
	if os.Geteuid() != 0 {
		return
	}
	for _, name := range []string{"theirs", "their-link"} {
		if name == "theirs" {
			mustWrite(t, at(name), "content")
		} else if err := symlink(at("target"), at(name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(at(name), 4711, 4711); err != nil {
			t.Fatal(err)
		}
	}
	_ = symlink(at("theirs"), at("to-theirs"))
	if data, err := ReadShared(at("theirs"), 100); err != nil || string(data) != "content" {
		t.Errorf("another's file: %q, %v", data, err)
	}
	if err := Replace(at("theirs"), []byte("x"), 0o600); !errors.As(err, &refused) {
		t.Errorf("another's file is written: %v", err)
	}
	for _, name := range []string{"their-link", "to-theirs"} {
		if _, err := ReadShared(at(name), 100); !errors.As(err, &refused) || !strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
