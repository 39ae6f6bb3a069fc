package tray

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// errNoClipboard: the system has no command that we know for its clipboard.
var errNoClipboard = errors.New("no clipboard command was found")

// copyText puts text on the clipboard by the system's own command, the text on its
// stdin. A library would need cgo on Linux, where the clipboard lives only as long
// as the program that serves it.
func copyText(ctx context.Context, text string) error {
	for _, command := range clipboards(runtime.GOOS, os.Getenv) {
		path, err := exec.LookPath(command[0])
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, command[1:]...)
		cmd.Stdin = strings.NewReader(text)
		cmd.WaitDelay = time.Second
		return cmd.Run()
	}
	return errNoClipboard
}

// clipboards lists the commands that may serve, the likeliest first.
func clipboards(goos string, getenv func(string) string) [][]string {
	switch goos {
	case "darwin":
		return [][]string{{"pbcopy"}}
	case "windows":
		return [][]string{{"clip"}}
	}
	var all [][]string
	if getenv("WAYLAND_DISPLAY") != "" {
		all = append(all, []string{"wl-copy"})
	}
	if getenv("DISPLAY") != "" {
		all = append(all, []string{"xclip", "-selection", "clipboard"}, []string{"xsel", "--clipboard", "--input"})
	}
	return all
}
