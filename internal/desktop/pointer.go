//go:build linux

package desktop

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// box is a rectangle on the screen, in pixels.
type box struct{ x, y, w, h int }

func (b box) centre() (x, y int) { return b.x + b.w/2, b.y + b.h/2 }

// click moves the pointer there and presses its left button. The pause lets what is
// below notice the pointer first, as menus want.
func (d *Desktop) click(x, y int) {
	d.t.Helper()
	if _, err := d.Run("xdotool", "mousemove", strconv.Itoa(x), strconv.Itoa(y), "sleep", "0.15", "click",
		"1"); err != nil {
		d.fail("%v", err)
	}
}

// point moves the pointer there.
func (d *Desktop) point(x, y int) {
	d.t.Helper()
	if _, err := d.Run("xdotool", "mousemove", strconv.Itoa(x), strconv.Itoa(y)); err != nil {
		d.fail("%v", err)
	}
}

// window is a line of xwininfo's tree: id, title and instance name, size, and the
// place on the screen, which comes last.
var windowLine = regexp.MustCompile(`(?m)^ +(0x[0-9a-f]+) (.*)  (\d+)x(\d+)\+-?\d+\+-?\d+ +\+(-?\d+)\+(-?\d+)$`)

// windows returns the windows by id whose title or class contains name.
func (d *Desktop) windows(name string) map[string]box {
	tree, _ := d.Run("xwininfo", "-root", "-tree")
	found := map[string]box{}
	for _, m := range windowLine.FindAllStringSubmatch(tree, -1) {
		if strings.Contains(m[2], name) {
			found[m[1]] = box{number(m[5]), number(m[6]), number(m[3]), number(m[4])}
		}
	}
	return found
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// Screenshot saves the whole screen as NAME.png among the artefacts, for people to
// look at: in KTTEST_ARTEFACTS, or in artefacts/ beside go.mod.
func (d *Desktop) Screenshot(name string) string {
	d.t.Helper()
	dir := artefacts(d.t)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		d.t.Fatal(err)
	}
	file := filepath.Join(dir, name+".png")
	if _, err := d.Run("import", "-window", "root", file); err != nil {
		d.fail("%v", err)
	}
	return file
}

func artefacts(t testing.TB) string {
	if dir := os.Getenv("KTTEST_ARTEFACTS"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "artefacts")
		}
	}
	return t.TempDir()
}
