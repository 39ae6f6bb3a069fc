//go:build !windows

// Package clipboard puts text on the clipboard and reads it back, by the system's own
// means.
package clipboard

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"keytender/internal/bounded"
)

// errNoClipboard: the system has no command that we know for its clipboard.
var errNoClipboard = errors.New("no clipboard command was found")

// maxClipboard is more than anything that we look for on it.
const maxClipboard = 64 << 10

// Copy puts text on the clipboard by the system's own command, the text on its
// stdin: an argument could be read by other users. A library would need cgo on Linux,
// where the clipboard lives only as long as the program that serves it.
func Copy(ctx context.Context, text string) error {
	cmd, err := command(ctx, func(c commands) []string { return c.copy })
	if err != nil {
		return err
	}
	cmd.Stdin = strings.NewReader(text)
	return cmd.Run()
}

// Text returns what is on the clipboard; nothing, or no text, is "".
func Text(ctx context.Context) (string, error) {
	cmd, err := command(ctx, func(c commands) []string { return c.paste })
	if err != nil {
		return "", err
	}
	out := bounded.Keep(maxClipboard)
	cmd.Stdout = out
	if err := cmd.Run(); err != nil && ctx.Err() != nil {
		return "", ctx.Err()
	}
	// The commands fail when there is nothing; that is no error.
	return string(out.Bytes()), nil
}

// command prepares the first of the commands that is installed.
func command(ctx context.Context, words func(commands) []string) (*exec.Cmd, error) {
	for _, c := range clipboards(runtime.GOOS, os.Getenv) {
		w := words(c)
		path, err := exec.LookPath(w[0])
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, w[1:]...)
		cmd.WaitDelay = time.Second
		cmd.Env = append(os.Environ(), c.env...)
		return cmd, nil
	}
	return nil, errNoClipboard
}

// commands is a pair of commands: one reads stdin, one writes stdout.
type commands struct{ copy, paste, env []string }

// clipboards lists the commands that may serve, the likeliest first.
func clipboards(goos string, getenv func(string) string) (all []commands) {
	words := strings.Fields
	if goos == "darwin" {
		// What launchd starts has no language, and they take text for Mac Roman then.
		return []commands{{copy: words("pbcopy"), paste: words("pbpaste"), env: []string{"LC_CTYPE=UTF-8"}}}
	}
	if getenv("WAYLAND_DISPLAY") != "" {
		all = append(all, commands{copy: words("wl-copy"), paste: words("wl-paste --no-newline")})
	}
	if getenv("DISPLAY") != "" {
		all = append(all, commands{copy: words("xclip -selection clipboard"),
			paste: words("xclip -selection clipboard -out")},
			commands{copy: words("xsel --clipboard --input"), paste: words("xsel --clipboard --output")})
	}
	return all
}
