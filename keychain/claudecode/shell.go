package claudecode

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// An entry on another machine, or in a container, is read and written by a shell there. This
// is what the two say to each other; who starts the shell is not this package's business.
//
// We say, a line each: which file, the directory, and whether to make it. The shell takes the
// client's lock for that file, and says "size N" and the file, or "none". We say "leave", or
// "write N" (or "aside N", which keeps a copy of what was there) and the new text, which comes
// to its place by a rename. The shell says "aside FILE" for such a copy, and at its end "done",
// or "kept" where it could not do what it was told and left the file as it was.

// ShellScript returns the shell's part, for `sh -c`. It stands on one line and has no quote ', no
// \ and no !, so that every login shell that hands it on takes it as it is between quotes '.
// What is secret goes through stdin alone.
func ShellScript() string { return strings.Join(strings.Fields(shellScript), " ") }

const shellScript = `
umask 077; echo keytender-begins; IFS= read -r what; IFS= read -r d; IFS= read -r make;
case $d in "") d=${CLAUDE_CONFIG_DIR:-$HOME/.claude};; "~") d=$HOME;; "~/"*) d=$HOME/${d#??};; /*) ;; *) d=$HOME/$d;; esac;
p=$d; until [ -e "$p" ]; do p=${p%/*}; [ -n "$p" ] || p=/; done;
own=; if [ "$(id -u)" = 0 ]; then set -- $(ls -ldn "$p"); own=$3:$4; fi;
mk() { if [ -z "$1" ] || [ -d "$1" ]; then return 0; fi;
	mk "${1%/*}" && mkdir "$1" && { [ -z "$own" ] || chown "$own" "$1"; }; };
if [ -d "$d" ]; then :; elif [ "$make" = no ]; then echo gone; exit 0; else mk "$d" || exit 4; fi;
if [ "$make" = lend ]; then chmod 700 "$d" || exit 4; fi;
f=$d/.credentials.json; lock=$d/.storage-write.lock;
if [ "$what" = state ]; then f=$d/.claude.json;
	if [ "$d" = "$HOME/.claude" ] && [ -z "$CLAUDE_CONFIG_DIR" ]; then f=$HOME/.claude.json; fi; lock=$f.lock; fi;
if [ -h "$f" ]; then echo link; exit 0; fi;
n=0; until mkdir "$lock" 2>/dev/null; do
	[ -d "$lock" ] || { mkdir "$lock" && break; exit 4; };
	n=$((n+1)); if [ "$n" -gt 15 ]; then echo busy; exit 0; fi;
	if [ -n "$(find "$lock" -prune -mmin +1 2>/dev/null)" ]; then rmdir "$lock"; else sleep 0.2 2>/dev/null || sleep 1; fi; done;
t=$f.keytender.$$; left=kept; bye() { rm -f "$t"; rmdir "$lock"; echo $left; }; trap bye EXIT; trap "exit 1" HUP INT TERM;
if [ -e "$f" ]; then s=$(wc -c <"$f") || exit 4; echo size $s; cat "$f"; else echo none; fi;
IFS=" " read -r how n || exit 5;
if [ "$how" = leave ]; then left=done; exit 0; fi;
cat >"$t" || exit 4; s=$(wc -c <"$t"); [ $s -eq "$n" ] || exit 5;
[ -z "$own" ] || chown "$own" "$t" || exit 4;
if [ "$how" = aside ]; then a=$f.displaced; k=1; while [ -e "$a" ]; do k=$((k+1)); a=$f.displaced-$k; done;
	cp -p "$f" "$a" && chmod 600 "$a" || exit 4; echo aside "$a"; fi;
left=unsure; mv -f "$t" "$f" || { left=kept; exit 4; }; left=done
`

// What the shell says when it does nothing.
var (
	ErrShellGone = errors.New("its directory is not there")
	ErrShellBusy = errors.New("another program is writing there")
	ErrShellLink = errors.New("the file there is a link, which is not followed from here")
)

// ErrShellUnsure is that the shell was told to write and did not say what became of it.
var ErrShellUnsure = errors.New("the connection ended before it was said whether the file was written")

// Making says what the shell does about a directory that is not there.
type Making string

// For a place that is lent to it makes the directory, and keeps others out of it.
const (
	MakeNothing   Making = "no"
	MakeDirectory Making = "renew"
	MakeLent      Making = "lend"
)

// Shell is a shell that runs ShellScript's: In is its stdin, Out its stdout.
type Shell struct {
	In   io.WriteCloser
	Out  io.Reader
	Dir  string // "" is the directory that Claude Code uses there by itself
	Make Making
}

// UpdateEntry is Update for an entry that a shell reads and writes. aside keeps a copy of the
// file that is replaced beside it; its name is returned.
func (s Shell) UpdateEntry(decide func(now Entry) (ch Change, aside bool, err error)) (before Entry, asideFile string,
	err error) {
	asideFile, err = s.swap("entry", func(text []byte) (after []byte, aside bool, err error) {
		if len(bytes.TrimSpace(text)) > 0 {
			if before, err = parseEntry(text, "file"); err != nil {
				return nil, false, err
			}
		}
		ch, aside, err := decide(before)
		if err != nil || ch.isZero() {
			return nil, false, err
		}
		whole, changed, err := before.merge(ch)
		if err != nil || !changed {
			return nil, false, err
		}
		return whole.encoded(), aside, nil
	})
	return before, asideFile, err
}

// Introduce is Directory.Introduce for a state file that a shell reads and writes.
func (s Shell) Introduce(id Identity) error {
	_, err := s.swap("state", func(text []byte) ([]byte, bool, error) {
		after, err := introduced(text, id)
		return after, false, err
	})
	return err
}

// swap has one file exchanged. decide gets nil where there is none, and returns nil to leave it.
func (s Shell) swap(what string, decide func(text []byte) (after []byte, aside bool, err error)) (asideFile string,
	err error) {
	if strings.ContainsAny(s.Dir, "\n\r\x00") {
		return "", errors.New("a directory's name with a line break is not taken")
	}
	out := bufio.NewReader(io.LimitReader(s.Out, maxEntry+maxChatter))
	if _, err := fmt.Fprintf(s.In, "%s\n%s\n%s\n", what, s.Dir, s.Make); err != nil {
		return "", err
	}
	text, err := readSwapped(out)
	if err != nil {
		return "", err
	}
	after, aside, decideErr := decide(text)
	order, writes := []byte("leave\n"), decideErr == nil && after != nil
	if writes {
		how := "write"
		if aside && text != nil {
			how = "aside"
		}
		order = append(fmt.Appendf(nil, "%s %d\n", how, len(after)), after...)
	}
	if _, err := s.In.Write(order); err != nil {
		return "", err
	}
	if err := s.In.Close(); err != nil {
		return "", err
	}
	for {
		line, err := out.ReadString('\n')
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case err != nil && writes:
			return "", errors.Join(ErrShellUnsure, unexpected(err))
		case err != nil:
			return "", errors.Join(decideErr, unexpected(err))
		case word == "kept":
			return "", errors.Join(decideErr, io.ErrUnexpectedEOF)
		case word == "aside":
			asideFile = rest
		case word == "done":
			return asideFile, decideErr
		}
	}
}

// maxChatter is what a login shell's own files may print before the script begins.
const maxChatter = 64 << 10

// readSwapped reads what the shell says before it asks what to do.
func readSwapped(out *bufio.Reader) ([]byte, error) {
	for begun := false; ; {
		line, err := out.ReadString('\n')
		if err != nil {
			return nil, unexpected(err)
		}
		line = strings.TrimRight(line, "\r\n")
		size, sized := strings.CutPrefix(line, "size ")
		switch {
		case line == "keytender-begins":
			begun = true
		case !begun: // what the shell's own files print
		case line == "none":
			return nil, nil
		case line == "gone":
			return nil, ErrShellGone
		case line == "busy":
			return nil, ErrShellBusy
		case line == "link":
			return nil, ErrShellLink
		case sized:
			n, err := strconv.Atoi(size)
			if err != nil || n < 0 || n > maxEntry {
				return nil, errors.New("the file there is too long")
			}
			text := make([]byte, n)
			if _, err := io.ReadFull(out, text); err != nil {
				return nil, unexpected(err)
			}
			return text, nil
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
