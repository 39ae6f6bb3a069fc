package assets

import (
	"embed"
	"fmt"
	"sync"
)

//go:generate go run icons/generate.go

//go:embed icons/*.png icons/*.ico
var iconFiles embed.FS

// Icon returns a picture by its file name in assets/icons, such as "fine-44.png".
// It is the same slice for as long as the program runs: a tray library may hand it
// to C and go on reading it. A name that does not exist is a programming error.
func Icon(name string) []byte {
	data, ok := icons()[name]
	if !ok {
		panic(fmt.Sprintf("assets: there is no icon %q", name))
	}
	return data
}

// icons are read when the first is asked for, so that a program without a menu does not
// even link them.
var icons = sync.OnceValue(func() map[string][]byte {
	files, err := iconFiles.ReadDir("icons")
	if err != nil {
		panic(err)
	}
	all := make(map[string][]byte, len(files))
	for _, file := range files {
		all[file.Name()], err = iconFiles.ReadFile("icons/" + file.Name())
		if err != nil {
			panic(err)
		}
	}
	return all
})
