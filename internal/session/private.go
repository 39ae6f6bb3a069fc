package session

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"keytender/internal/config"
)

// keepPrivate takes from others the permissions to our folders. One that also holds what is
// not ours, as when KEYTENDER_HOME names a folder in use, is left as it is: the files
// in it are 0600 all the same.
func keepPrivate(p config.Paths, log *slog.Logger) {
	if runtime.GOOS == "windows" {
		return
	}
	for _, dir := range []string{p.State, filepath.Dir(p.Credentials)} {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o077 == 0 || !(dir == p.State || oursAlone(p, dir)) {
			continue
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			log.Warn("the permissions of a folder of ours could not be tightened", "folder", dir, "reason", plain(err))
		}
	}
}

func oursAlone(p config.Paths, dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		ours := false
		for _, path := range []string{p.ConfigFile, p.Credentials, p.State, p.Log} {
			// The log's older files and files about to be written have longer names.
			name := strings.TrimSuffix(filepath.Base(path), ".log")
			ours = ours || dir == filepath.Dir(path) && strings.HasPrefix(entry.Name(), name)
		}
		if !ours {
			return false
		}
	}
	return true
}
