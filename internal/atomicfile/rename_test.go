package atomicfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"time"
)

// robustio waits a second and more for a file that is not there. Of some tries one is quick,
// however busy the machine is.
func TestWhatIsNotThereIsNotWaitedFor(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	quickest := time.Hour
	for range 5 {
		begun := time.Now()
		if err := Rename(missing, missing+".away"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("err = %v", err)
		}
		quickest = min(quickest, time.Since(begun))
	}
	if quickest > 500*time.Millisecond {
		t.Errorf("it took %v at the least", quickest)
	}
}
