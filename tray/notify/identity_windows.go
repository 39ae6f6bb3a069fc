package notify

import (
	"unsafe"

	"git.sr.ht/~jackmordaunt/go-toast/wintoast"
	"golang.org/x/sys/windows"

	"keytender/tray/menu"
)

// identity is the name under which Windows keeps our notifications and our place on
// the task bar apart from those of others (AppUserModelID).
const identity = menu.AppName

// notificationClass is the class of our notifications' clicks: made up once, ours.
const notificationClass = "{6C2D7F0E-3B1A-4E57-9C55-8A2F1D0B6E43}"

// introduce tells Windows who we are, so that notifications carry our name and
// picture. Without it they still come, with less on them.
func introduce(picture string) {
	setID := windows.NewLazySystemDLL("shell32.dll").NewProc("SetCurrentProcessExplicitAppUserModelID")
	if id, err := windows.UTF16PtrFromString(identity); err == nil && setID.Find() == nil {
		_, _, _ = setID.Call(uintptr(unsafe.Pointer(id)))
	}
	_ = wintoast.SetAppData(wintoast.AppData{AppID: identity, GUID: notificationClass, IconPath: picture})
}
