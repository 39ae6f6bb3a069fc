package notify

import (
	"sync"

	"git.sr.ht/~jackmordaunt/go-toast/wintoast"
)

// systemNotices shows notifications by the Windows Runtime, under our own identity and
// with a button. The library's own templates are left alone: they put texts into XML,
// and from there into a PowerShell script, as they are.
func systemNotices(onAction func(Deed)) func(Notice) error {
	var asked button
	picture := sync.OnceValue(func() string {
		path := iconFile()
		introduce(path)
		wintoast.SetActivationCallback(func(_, argument string, _ []wintoast.UserData) {
			if deed, counts := asked.press(argument); counts {
				onAction(deed)
			}
		})
		return path
	})
	return func(n Notice) error {
		icon := picture()
		toast, err := toastXML(n, icon, asked.next(n))
		if err != nil {
			return err
		}
		return wintoast.Push(toast)
	}
}
