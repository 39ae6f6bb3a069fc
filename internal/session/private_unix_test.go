//go:build unix

package session

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoldersArePrivate(t *testing.T) {
	for _, tc := range []struct {
		name, beside string
		want         os.FileMode
	}{
		{"empty", "", 0o700},
		{"with our own files", "credentials.json", 0o700},
		{"with the log's older file", "keytender.log.old", 0o700},
		{"with somebody's files", "thesis.tex", 0o755},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			e := r.start()
			home := filepath.Dir(e.config.Paths.Credentials)
			for _, dir := range []string{home, e.config.Paths.State} {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if tc.beside != "" {
				if err := os.WriteFile(filepath.Join(home, tc.beside), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			release, err := e.lock(t.Context(), lockWait)
			if err != nil {
				t.Fatal(err)
			}
			release()
			for dir, want := range map[string]os.FileMode{home: tc.want, e.config.Paths.State: 0o700} {
				if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != want {
					t.Errorf("%s has mode %v (%v), want %v", filepath.Base(dir), info.Mode(), err, want)
				}
			}
		})
	}
}
