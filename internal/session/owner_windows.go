package session

import "io/fs"

func statOwner(fs.FileInfo) (uid int, ok bool) { return 0, false }
