package clipboard

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

func TestClipboard(t *testing.T) {
	before, err := Text(t.Context())
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = Copy(t.Context(), before) })
	for _, text := range []string{"FAKE-code#FAKE-state", "C:\\Users\\Jürgen\\日本 ✓\nsecond line 🌸\n", "x"} {
		if err := Copy(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		if got, err := Text(t.Context()); err != nil || got != text {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
		for _, name := range unrecorded {
			format, _, _ := registerFormat.Call(uintptr(unsafe.Pointer(windows.StringToUTF16Ptr(name))))
			if there, _, _ := user32.NewProc("IsClipboardFormatAvailable").Call(format); there == 0 {
				t.Errorf("%s is not set: the history would keep it", name)
			}
		}
	}
	if err := Copy(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if got, err := Text(t.Context()); err != nil || got != "" {
		t.Errorf("after it was cleared: %q, %v", got, err)
	}
}
