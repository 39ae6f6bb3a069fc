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
	icons.once.Do(readIcons)
	data, ok := icons.all[name]
	if !ok {
		panic(fmt.Sprintf("assets: there is no icon %q", name))
	}
	return data
}

var icons struct {
	once sync.Once
	all  map[string][]byte
}

// readIcons is a function of its own and no initial value: the linker keeps those, and the
// command line, which shows no menu, would carry all the pictures.
func readIcons() {
	files, err := iconFiles.ReadDir("icons")
	if err != nil {
		panic(err)
	}
	icons.all = make(map[string][]byte, len(files))
	for _, file := range files {
		icons.all[file.Name()], err = iconFiles.ReadFile("icons/" + file.Name())
		if err != nil {
			panic(err)
		}
	}
}
