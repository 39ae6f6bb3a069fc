package keychain

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"time"
)

// lockOwner says who holds the two renewal locks. Claude Code keeps it beside its
// lock, and takes over from a holder that is surely dead; so do we.
type lockOwner struct {
	PID       int    `json:"pid"`
	ProcStart string `json:"procStart"`
	PIDDomain string `json:"pidDomain"` // the machine and its space of process numbers
	PIDSpace  string `json:"pidSpace"`
	// When the two directories were made, in milliseconds with fractions.
	LockBirthtimeMs       float64 `json:"lockBirthtimeMs"`
	LegacyLockBirthtimeMs float64 `json:"legacyLockBirthtimeMs"`
}

const maxOwnerFile = 4 << 10

func readOwner(path string) (lockOwner, bool) {
	data, err := readFileOwned(path, maxOwnerFile)
	if err != nil {
		return lockOwner{}, false
	}
	return parseOwner(data)
}

func parseOwner(data []byte) (o lockOwner, ok bool) {
	if json.Unmarshal(data, &o) != nil {
		return lockOwner{}, false
	}
	return o, o.PID > 0 && o.ProcStart != "" && o.PIDDomain != "" && o.PIDSpace != ""
}

// writeOwner says that this process holds the two locks. Where the system does not
// tell when a directory was made, the note would prove nothing and is not written.
// It only shortens waits after a crash, so its failure does not matter.
func writeOwner(path string, first, second *dirLock) {
	start := processStart(os.Getpid())
	domain, space := processDomain()
	if path == "" || start == "" || domain == "" || first.birth.IsZero() || second.birth.IsZero() {
		return
	}
	data, err := json.Marshal(lockOwner{os.Getpid(), start, domain, space, milliseconds(first.birth), milliseconds(second.birth)})
	if err == nil {
		_ = writeFileAtomic(path, data)
	}
}

// removeOwner takes our note away; it must be called while the first lock is held, so
// that nobody else writes it.
func removeOwner(path string) {
	if o, ok := readOwner(path); ok && o.PID == os.Getpid() && o.ProcStart == processStart(o.PID) {
		_ = os.Remove(path)
	}
}

// gone reports whether the directory at path was surely made by this owner and the
// owner surely died. Every doubt counts as alive.
func (o lockOwner) gone(path string, info fs.FileInfo, birth float64) bool {
	domain, space := processDomain()
	made := birthTime(path, info)
	if domain == "" || o.PIDDomain != domain || o.PIDSpace != space || made.IsZero() || birth == 0 {
		return false
	}
	if math.Abs(milliseconds(made)-birth) > 0.5 {
		return false // another directory than the one it speaks of
	}
	if processGone(o.PID) {
		return true
	}
	start := processStart(o.PID)
	return start != "" && start != o.ProcStart // the number was given to another process
}

// milliseconds counts as the client does, which compares to the last bit.
func milliseconds(t time.Time) float64 {
	return float64(t.Unix())*1000 + float64(t.Nanosecond())/1e6
}
