package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unit is a service of the person's own systemd, by which the agent runs without a desktop:
// the file, and the link that `systemctl --user enable` would make.
type unit struct{ file }

const unitName = "keytender.service"

func userUnit(folder string) unit {
	return unit{file{filepath.Join(folder, "systemd", "user", unitName), renderUnit, parseUnit}}
}

// renderUnit is what the packages ship (packaging/keytender.service), for one program.
func renderUnit(program string) string {
	return `# Keytender without a desktop: systemctl --user enable --now keytender
# On a machine that nobody is logged in to, also: loginctl enable-linger

[Unit]
Description=Keeps the login of your own Claude account
Documentation=man:keytender(1)

[Service]
ExecStart=` + quoteUnit(program) + ` agent
Restart=on-failure
RestartSec=30
# settings that cannot be used do not mend by themselves
RestartPreventExitStatus=2
SuccessExitStatus=143
UMask=0077

[Install]
WantedBy=default.target
`
}

// quoteUnit writes a path as the first word of a command line of systemd's: systemd.service(5),
// "Command lines". A $ is one there, unlike in the words behind it.
func quoteUnit(path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if strings.ContainsAny(path, " ;#") {
		return `"` + path + `"`
	}
	return path
}

// unquotable are the signs for which systemd refuses a program, quoted or not.
const unquotable = "\"'\\\t\n\r"

// parseUnit reads the program of the first command.
func parseUnit(text string) (program string, on bool) {
	for line := range strings.Lines(text) {
		value, found := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=")
		if !found {
			continue
		}
		end := " "
		if strings.HasPrefix(value, `"`) {
			value, end = value[1:], `"`
		}
		value, _, _ = strings.Cut(value, end)
		program = strings.ReplaceAll(value, "%%", "%")
		break
	}
	return program, program != ""
}

func (u unit) link() string {
	return filepath.Join(filepath.Dir(u.path), "default.target.wants", unitName)
}

// read: a unit that is not enabled starts nothing. One that is enabled and not in the person's
// own folder is a package's.
func (u unit) read() (program string, on bool, err error) {
	target, err := os.Readlink(u.link())
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(u.link()), target)
	}
	if program, on, err = u.file.read(); err != nil || on {
		return program, on, err
	}
	return (file{target, renderUnit, parseUnit}).read()
}

func (u unit) write(program string) error {
	if strings.ContainsAny(program, unquotable) {
		return errors.New("systemd starts no program whose path holds a quote or a backslash: " + program)
	}
	if err := u.file.write(program); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(u.link()), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join("..", unitName), u.link()); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (u unit) remove() error {
	if err := os.Remove(u.link()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = os.Remove(filepath.Dir(u.link())) // only when it is empty
	return u.file.remove()
}
