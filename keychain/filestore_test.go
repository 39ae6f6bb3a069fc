package keychain

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/secret"
)

func newStore(t *testing.T) *FileStore {
	t.Helper()
	return &FileStore{Path: filepath.Join(t.TempDir(), "deep", "credentials.json")}
}

func record1(text string) secret.String {
	return secret.New(`{"type":"oauth","access":"` + text + `"}`)
}

func mustSave(t *testing.T, s *FileStore, name, text string) {
	t.Helper()
	if err := s.Save(t.Context(), name, record1(text)); err != nil {
		t.Fatal(err)
	}
}

func TestFileStore(t *testing.T) {
	s := newStore(t)
	if s.Kind() != "file" {
		t.Error(s.Kind())
	}
	if _, err := s.Load(t.Context(), "default"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("nothing there: %v", err)
	}
	if err := s.Delete(t.Context(), "default"); err != nil {
		t.Fatalf("deleting nothing: %v", err)
	}
	if _, err := os.Stat(s.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("reading made a file")
	}
	mustSave(t, s, "default", "FAKE-1")
	mustSave(t, s, "work", "FAKE-2")
	mustSave(t, s, "work", "FAKE-3")
	mustSave(t, s, RecordName("claude-code", "displaced"), "FAKE-4")
	for name, want := range map[string]string{"default": "FAKE-1", "work": "FAKE-3",
		"claude-code..displaced": "FAKE-4"} {
		if got, err := s.Load(t.Context(), name); err != nil || !got.Equal(record1(want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var file struct{ Accounts, Other map[string]json.RawMessage }
	data, err := os.ReadFile(s.Path)
	if err != nil || json.Unmarshal(data, &file) != nil || len(file.Accounts) != 2 || len(file.Other) != 1 {
		t.Errorf("the file: %s (%v)", data, err)
	}
	if info, _ := os.Stat(s.Path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("its permissions: %v", info.Mode())
	}
	if info, _ := os.Stat(filepath.Dir(s.Path)); runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("its folder's permissions: %v", info.Mode())
	}
	if err := s.Delete(t.Context(), "work"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "work"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after deleting: %v", err)
	}
	if _, err := s.Load(t.Context(), "default"); err != nil {
		t.Errorf("deleting one took another: %v", err)
	}
}

// Other accounts and keys of others stay as they are, whatever is written.
func TestFileStoreMerges(t *testing.T) {
	s := newStore(t)
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	const before = `{"later":{"a":[1,2.50,"\u00e9"]},"accounts":{"work":{"type":"oauth","access":"FAKE-w","new":{"x":1e2}}},"other":{}}`
	if err := os.WriteFile(s.Path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	mustSave(t, s, "default", "FAKE-1")
	if err := s.Delete(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	var was, is map[string]any
	_ = json.Unmarshal([]byte(before), &was)
	if err := json.Unmarshal(data, &is); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(was)
	b, _ := json.Marshal(is)
	if string(a) != string(b) {
		t.Errorf("before: %s\nafter:  %s", a, b)
	}
	if !strings.Contains(string(data), "2.50") || !strings.Contains(string(data), "1e2") {
		t.Errorf("a number was spelled anew: %s", data)
	}
}

func TestFileStoreRefusesRecords(t *testing.T) {
	s := newStore(t)
	mustSave(t, s, "default", "FAKE-1")
	for _, text := range []string{"", "{", "FAKE", `{"a":1}{`} {
		if err := s.Save(t.Context(), "default", secret.New(text)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got, err := s.Load(t.Context(), "default"); err != nil || !got.Equal(record1("FAKE-1")) {
		t.Errorf("the record that was there: %v", err)
	}
}

// What cannot be parsed is never overwritten.
func TestFileStoreDamaged(t *testing.T) {
	for _, text := range []string{``, ` `, `null`, `[]`, `{`, `{"accounts":[]}`, `{"accounts":null}`, `{"other":7}`,
		`{} {}`, `{"accounts":{}}x`, "\xef\xbb\xbf{}"} {
		s := newStore(t)
		if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), "default"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: load: %v", text, err)
		}
		if err := s.Save(t.Context(), "default", record1("FAKE")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: save: %v", text, err)
		}
		if err := s.Delete(t.Context(), "default"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: delete: %v", text, err)
		}
		if data, _ := os.ReadFile(s.Path); string(data) != text {
			t.Errorf("%q was overwritten with %q", text, data)
		}
	}
}

// What the system does not let us read is neither damaged nor absent.
func TestFileStoreUnreadable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &FileStore{Path: filepath.Join(file, "credentials.json")}
	if _, err := s.Load(t.Context(), "default"); runtime.GOOS != "windows" && !errors.Is(err, ErrUnreadable) {
		t.Errorf("load: %v", err)
	}
	if err := s.Save(t.Context(), "default", record1("FAKE")); err == nil {
		t.Error("it was saved")
	}
}

func TestFileStoreRefusesForeignFiles(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a link": func(path string) error {
			if err := os.WriteFile(path+".real", []byte(`{}`), 0o600); err != nil {
				return err
			}
			return symlink(path+".real", path)
		},
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"another name of a file": func(path string) error {
			if err := os.WriteFile(path+".real", []byte(`{}`), 0o600); err != nil {
				return err
			}
			return os.Link(path+".real", path)
		},
		"something huge": func(path string) error {
			return os.WriteFile(path, []byte(`{"x":"`+strings.Repeat("x", maxStoreFile)+`"}`), 0o600)
		},
	} {
		s := newStore(t)
		if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := make(s.Path); err != nil {
			t.Logf("%s cannot be made here: %v", name, err)
			continue
		}
		var refused *atomicfile.RefusedError
		if _, err := s.Load(t.Context(), "default"); !errors.As(err, &refused) {
			t.Errorf("%s: load: %v", name, err)
		}
		if err := s.Save(t.Context(), "default", record1("FAKE")); !errors.As(err, &refused) {
			t.Errorf("%s: save: %v", name, err)
		}
		if data, err := os.ReadFile(s.Path + ".real"); err == nil && string(data) != `{}` {
			t.Errorf("%s: what it points to was written", name)
		}
	}
}

func TestFileStoreTightensRights(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions on Windows")
	}
	s := newStore(t)
	mustSave(t, s, "default", "FAKE-1")
	told := 0
	s.Tightened = func(string) { told++ }
	if err := os.Chmod(s.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Load(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
	}
	if info, _ := os.Stat(s.Path); info.Mode().Perm() != 0o600 || told != 1 {
		t.Errorf("permissions %v, told %d times", info.Mode(), told)
	}
}

// Each step of a write that fails leaves the old record, and no temporary file.
func TestFileStoreDiskFaults(t *testing.T) {
	before := atomicfile.Disk
	defer func() { atomicfile.Disk = before }()
	for _, code := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		for name, spoil := range map[string]func(){
			"create": func() { atomicfile.Disk.Create = func(string) (*os.File, error) { return nil, code } },
			"write": func() {
				atomicfile.Disk.Write = func(f *os.File, p []byte) (int, error) {
					n, _ := f.Write(p[:len(p)/2])
					return n, code
				}
			},
			"chmod":  func() { atomicfile.Disk.Chmod = func(*os.File, fs.FileMode) error { return code } },
			"sync":   func() { atomicfile.Disk.Sync = func(*os.File) error { return code } },
			"rename": func() { atomicfile.Disk.Rename = func(string, string) error { return code } },
		} {
			atomicfile.Disk = before
			s := newStore(t)
			mustSave(t, s, "default", "FAKE-1")
			spoil()
			if err := s.Save(t.Context(), "default", record1("FAKE-2")); !errors.Is(err, code) {
				t.Errorf("%s, %v: save: %v", name, code, err)
			} else if strings.Contains(err.Error(), "FAKE") {
				t.Errorf("%s: the error shows the record: %v", name, err)
			}
			if err := s.Delete(t.Context(), "default"); !errors.Is(err, code) {
				t.Errorf("%s, %v: delete: %v", name, code, err)
			}
			if got, err := s.Load(t.Context(), "default"); err != nil || !got.Equal(record1("FAKE-1")) {
				t.Errorf("%s, %v: the old record: %v", name, code, err)
			}
			entries, _ := os.ReadDir(filepath.Dir(s.Path))
			if len(entries) != 1 {
				t.Errorf("%s, %v: %d files are there", name, code, len(entries))
			}
		}
	}
	// Written, and maybe not for long: that is no success either.
	atomicfile.Disk = before
	s := newStore(t)
	mustSave(t, s, "default", "FAKE-1")
	atomicfile.Disk.SyncDir = func(string) error { return syscall.EIO }
	if err := s.Save(t.Context(), "default", record1("FAKE-2")); !errors.Is(err, syscall.EIO) {
		t.Errorf("syncing the folder: %v", err)
	}
}

// nil means read back and equal: somebody else's write in between is no success.
func TestFileStoreReadsBack(t *testing.T) {
	before := atomicfile.Disk
	defer func() { atomicfile.Disk = before }()
	s := newStore(t)
	mustSave(t, s, "default", "FAKE-1")
	atomicfile.Disk.Rename = func(from, _ string) error { return os.Remove(from) } // a disk that lies
	if err := s.Save(t.Context(), "default", record1("FAKE-2")); !errors.Is(err, ErrDamaged) {
		t.Errorf("save: %v", err)
	}
	if err := s.Delete(t.Context(), "default"); err == nil {
		t.Error("delete: no error, and the record is there")
	}
}

// A disk that takes longer than the caller waits changes nothing afterwards.
func TestFileStoreObeysItsContext(t *testing.T) {
	s := newStore(t)
	mustSave(t, s, "default", "FAKE-1")
	whole := atomicfile.Disk
	defer func() { atomicfile.Disk = whole }()
	for name, test := range map[string]struct {
		limit time.Duration
		want  error
	}{"time is up": {10 * time.Millisecond, ErrTimedOut}, "cancelled": {time.Hour, context.Canceled}} {
		for call, do := range map[string]func(context.Context) error{
			"save":   func(ctx context.Context) error { return s.Save(ctx, "default", record1("FAKE-2")) },
			"delete": func(ctx context.Context) error { return s.Delete(ctx, "default") },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			atomicfile.Disk.Sync = func(f *os.File) error {
				if test.want == context.Canceled {
					cancel()
				}
				<-ctx.Done()
				return whole.Sync(f)
			}
			err := do(ctx)
			cancel()
			if !errors.Is(err, test.want) || errors.Is(err, ErrTimedOut) != (test.want == ErrTimedOut) {
				t.Errorf("%s, %s: %v", call, name, err)
			}
			if got, err := s.Load(t.Context(), "default"); err != nil || !got.Equal(record1("FAKE-1")) {
				t.Errorf("%s, %s: it was changed (%v)", call, name, err)
			}
			if left := names(t, filepath.Dir(s.Path)); len(left) != 1 {
				t.Errorf("%s, %s: left behind: %v", call, name, left)
			}
		}
	}
}
