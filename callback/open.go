package callback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pkg/browser"

	"keytender/internal/await"
)

// openLimit is how long a launcher may take to report a failure. Some return only
// when the browser closes, so who is still running by then counts as opened.
const openLimit = 2 * time.Second

var openURL = browser.OpenURL // tests put their own in its place

func init() {
	// The launchers' chatter would mix with our output, and spoil --json.
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
}

// Open opens the person's browser. A nil error is no proof that a window came up:
// the link must be shown as well.
func Open(ctx context.Context, url string) error {
	if err := checkURL(url); err != nil {
		return err
	}
	open := openURL
	return started(ctx, func() error { return open(url) })
}

// OpenWith opens url with a command of the person's choice. The command is split
// into words, of which quotes hold several together; no shell sees it, and a
// backslash is an ordinary character. The url stands in place of %s, or is the
// last word. The program outlives us, and a Ctrl-C in our terminal.
func OpenWith(ctx context.Context, command, url string) error {
	if err := checkURL(url); err != nil {
		return err
	}
	words, err := split(command)
	if err != nil {
		return err
	}
	if !strings.Contains(strings.Join(words[1:], " "), "%s") {
		words = append(words, "%s")
	}
	for i := range words[1:] {
		words[i+1] = strings.ReplaceAll(words[i+1], "%s", url)
	}
	// Not CommandContext: the browser is the person's, not the attempt's.
	cmd := exec.Command(words[0], words[1:]...)
	switch strings.ToLower(filepath.Ext(cmd.Path)) {
	case ".bat", ".cmd": // Windows runs them through a shell, which takes the url's & apart
		return fmt.Errorf("%s is a batch file; name the program itself", words[0])
	}
	cmd.SysProcAttr = detached()
	return started(ctx, cmd.Run)
}

// started runs open and returns its error if it fails within openLimit. It goes on
// in the background after that, so that a child is reaped whenever it ends.
func started(ctx context.Context, open func() error) error {
	err := await.Failure(ctx, openLimit, open)
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("no browser was found: %w", err)
	}
	return fmt.Errorf("the browser did not start: %w", err)
}

// checkURL refuses what a launcher could take for an option or a local file. The
// error does not repeat the url.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return errors.New("only an http or https address can be opened")
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"'`<>\\^{|}", c) >= 0 {
			return errors.New("the address to open holds a character that no address may hold")
		}
	}
	return nil
}

// CheckCommand says why a browser command cannot be used; nil: it can be tried.
func CheckCommand(command string) error {
	_, err := split(command)
	return err
}

// split takes a command apart at spaces; 'single' and "double" quotes keep theirs.
func split(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inside := false
	for _, c := range command {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inside = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(c)
			inside = true
		}
	}
	if quote != 0 {
		return nil, errors.New("the browser command has a quote that does not end")
	}
	if inside {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("the browser command is empty")
	}
	return words, nil
}
