// Package version tells which version this program is, from which commit and of which
// day. It asks nothing at run time but the program itself.
package version

import (
	"runtime/debug"
	"strings"
	"sync"
)

// next is the version that is worked on; CHANGELOG.md begins with it. A build that was
// not stamped is on the way to it.
const next = "0.1.0"

// The build stamps these three (packaging/version.sh says with what).
var number, commit, date string

// Build is what there is to say of a build. What is not known is empty.
type Build struct {
	Number string // a semantic version
	Commit string // abbreviated
	Date   string // of the commit, YYYY-MM-DD
}

// Of returns the build of this program.
var Of = sync.OnceValue(func() Build {
	if number != "" {
		return Build{number, commit, date}
	}
	// Reading this takes longer than the rest of a start, so only a build without a stamp does.
	info, _ := debug.ReadBuildInfo()
	return read(info)
})

// String is how people are told: 0.1.0 (3f2c1d9, 2026-11-21).
func (b Build) String() string {
	known := strings.Join(strings.Fields(b.Commit+" "+b.Date), ", ")
	if known == "" {
		return b.Number
	}
	return b.Number + " (" + known + ")"
}

// read makes do with what the go command writes into each program, which knows the commit
// where it was built in a clone, and the version where it was built as a module of a tag.
func read(info *debug.BuildInfo) Build {
	b := Build{Number: next + "-dev"}
	if info == nil {
		return b
	}
	var revision string
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
			b.Commit = revision[:min(len(revision), 9)]
		case "vcs.time":
			b.Date, _, _ = strings.Cut(s.Value, "T")
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	tag, named := strings.CutPrefix(info.Main.Version, "v")
	// In a clone the go command makes a version up where there is no tag; it ends with the commit.
	madeUp := revision != "" && strings.Contains(tag, revision[:min(len(revision), 12)])
	switch {
	case named && !madeUp && !changed:
		b.Number = tag
	case changed:
		b.Number += "+" + b.Commit + ".changed"
	case b.Commit != "":
		b.Number += "+" + b.Commit
	}
	return b
}
