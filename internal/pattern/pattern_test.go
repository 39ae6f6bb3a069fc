package pattern

import (
	"os"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestNew(t *testing.T) {
	word := New(`^[a-z]+$`)
	first, again := word(), word()
	if !first.MatchString("keytender") || first.MatchString("no word") || first != again {
		t.Error("the expression does not match as it should, or is compiled twice")
	}
}
