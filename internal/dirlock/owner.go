package dirlock

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"time"

	"keytender/internal/atomicfile"
)

// Owner says who holds the two renewal locks. Claude Code keeps it beside its
// lock, and takes over from a holder that is surely dead; so do we.
type Owner struct {
	PID       int    `json:"pid"`
	ProcStart string `json:"procStart"`
	PIDDomain string `json:"pidDomain"` // the machine and its space of process numbers
	PIDSpace  string `json:"pidSpace"`
	// When the two directories were made, in milliseconds with fractions.
	LockBirthtimeMs       float64 `json:"lockBirthtimeMs"`
	LegacyLockBirthtimeMs float64 `json:"legacyLockBirthtimeMs"`
}

const maxOwnerFile = 4 << 10

// ReadOwner returns the note at path; ok is false when there is none that can be used.
func ReadOwner(path string) (Owner, bool) {
	data, err := atomicfile.Read(path, maxOwnerFile)
	if err != nil {
		return Owner{}, false
	}
	return parseOwner(data)
}

func parseOwner(data []byte) (o Owner, ok bool) {
	if json.Unmarshal(data, &o) != nil {
		return Owner{}, false
	}
	return o, o.PID > 0 && o.ProcStart != "" && o.PIDDomain != "" && o.PIDSpace != ""
}

// WriteOwner says that this process holds the lock that was made at first, or is about to,
// and the second one that was made at legacy; 0 while there is none: who is killed before it
// has both must not hold up others either. Where the system does not tell when a directory was
// made, first is 0: the note would prove nothing and is not written. It only shortens waits
// after a crash, so its failure does not matter, and it is not synced: it speaks of a process,
// and no process survives the machine.
func WriteOwner(path string, first, legacy float64) {
	start := processStart(os.Getpid())
	domain, space := processDomain()
	if path == "" || start == "" || domain == "" || first == 0 {
		return
	}
	data, err := json.Marshal(Owner{os.Getpid(), start, domain, space, first, legacy})
	if err == nil {
		_ = atomicfile.WriteBriefly(path, data)
	}
}

// BirthMs is when the lock's directory was made, as an Owner tells it; 0 when not known.
func (l *Lock) BirthMs() float64 {
	if l.birth.IsZero() {
		return 0
	}
	return milliseconds(l.birth)
}

func isOurs(path string) bool {
	o, ok := ReadOwner(path)
	return ok && o.PID == os.Getpid() && o.ProcStart == processStart(o.PID)
}

// Gone reports whether the directory at path was surely made by this owner and the
// owner surely died. Every doubt counts as alive.
func (o Owner) Gone(path string, info fs.FileInfo, birth float64) bool {
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
