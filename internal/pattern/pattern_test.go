package pattern

import (
	"os"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestNew(t *testing.T) {
	word := New(`^[a-z]+$`)
	if !word().MatchString("keytender") || word().MatchString("no word") || word() != word() {
		t.Error("the expression does not match as it should, or is compiled twice")
	}
}
