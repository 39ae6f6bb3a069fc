package clipboard

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"keytender/internal/testguard"
)

func TestClipboardCommand(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("DISPLAY", ":77")
	if err := Copy(t.Context(), "x"); err != errNoClipboard {
		t.Errorf("without a command: %v", err)
	}
	testguard.Script(t, filepath.Join(dir, "xsel"), "/bin/cat > "+dir+"/got")
	if err := Copy(context.Background(), "https://example.com/?a=1&b=2"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "got")); string(got) != "https://example.com/?a=1&b=2" {
		t.Errorf("copied %q", got)
	}
}
