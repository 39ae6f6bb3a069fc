package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

var last = document{
	about: "Some words.",
	rows: []row{
		{"size", "under 9 MB", "8.86 MB", "reached"},
		{"`token`", "at most 0.5 × `peer`", "0.50 × (1.0 ms against 2.0 ms)", "reached"},
		{"`token`", "at most 2.0 × another", "not measured: gh is not installed", ""},
		{"redirect", "+ 30 ms", "+ 20.0 ms", "reached"},
		{"idle", "0", "- 0.4 ms", "reached"},
	},
	benchmarks: []benchmark{{"oauth ParsePaste/code", 1000, 200, 0}, {"keychain Merge/keys/4KiB", 8000, 4096, 5}},
	hand:       "\n## By hand\n\n| what | goal |\n| --- | --- |\n| not | ours |\n",
}

// TestDocumentComesBack: what is written is what the next run compares with.
func TestDocumentComesBack(t *testing.T) {
	got := readDocument(last.markdown(document{}))
	got.about = last.about // words are not read back
	if diff := cmp.Diff(last, got, cmp.AllowUnexported(document{}, row{}, benchmark{})); diff != "" {
		t.Error(diff)
	}
	if again := got.markdown(last); readDocument(again).hand != last.hand {
		t.Errorf("what was written by hand became %q", readDocument(again).hand)
	}
}

func TestAgainstLastTime(t *testing.T) {
	now := document{rows: []row{
		{"size", "under 9 MB", "8.86 MB", "reached"},
		{"`token`", "at most 0.5 × `peer`", "0.70 × (7.0 ms against 10.0 ms)", "missed"},
		{"`token`", "at most 2.0 × another", "1.90 × (2.0 ms against 1.0 ms)", "reached"},
		{"redirect", "+ 30 ms", "+ 21.0 ms", "reached"},
		{"idle", "0", "+ 3.0 ms", "reached"},
		{"flood", "under 100 ms", "10 ms", "reached"},
	}, benchmarks: []benchmark{{"oauth ParsePaste/code", 1400, 100, 2}, {"session Token", 5, 6, 7}}}
	text := now.markdown(last)
	for _, want := range []string{
		"| size | under 9 MB | 8.86 MB | reached | × 1.00 |\n",
		"missed | **× 1.40** |\n",
		"| 1.90 × (2.0 ms against 1.0 ms) | reached | new |\n",
		"| + 21.0 ms | reached | × 1.05 |\n",
		"| + 3.0 ms | reached | was -0.4 |\n",
		"| 10 ms | reached | new |\n",
		"| oauth ParsePaste/code | 1400 | 100 | 2 | **× 1.40**, × 0.50, was 0 |\n",
		"| session Token | 5 | 6 | 7 | new |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// TestOlderTable: four columns and no mark, as earlier versions wrote it.
func TestOlderTable(t *testing.T) {
	d := readDocument(
		"# Performance\n\nWords.\n\n| what | goal | measured | |\n| --- | --- | --- | --- |\n| size | under 9 MB | 9.7 MB | missed |\n\n## One chain\n\nText.\n")
	if len(d.rows) != 1 || d.rows[0] != (row{"size", "under 9 MB", "9.7 MB", "missed"}) ||
		d.hand != "\n## One chain\n\nText.\n" {
		t.Errorf("read as %+v", d)
	}
	if d := readDocument(""); len(d.rows) != 0 || d.hand != "" {
		t.Errorf("nothing reads as %+v", d)
	}
}

func TestReadBenchmarks(t *testing.T) {
	got := readBenchmarks(`goos: linux
pkg: keytender/internal/oauth
BenchmarkParsePaste/code-2         	  500000	      2400 ns/op	     640 B/op	       9 allocs/op
BenchmarkParsePaste/code-2         	  500000	      2300.6 ns/op	     641 B/op	       9 allocs/op
PASS
pkg: keytender/keychain/claudecode
BenchmarkMerge/keys/4KiB-2         	     970	    244700 ns/op	  17.22 MB/s	  199851 B/op	     995 allocs/op
BenchmarkMerge/keys/1024KiB        	       2	 136101195 ns/op
ok  	keytender/keychain	4.924s
`)
	want := []benchmark{{"oauth ParsePaste/code", 2301, 640, 9}, {"keychain Merge/keys/4KiB", 244700, 199851, 995},
		{"keychain Merge/keys/1024KiB", 136101195, 0, 0}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(benchmark{})); diff != "" {
		t.Error(diff)
	}
	if text := growth(want); !strings.Contains(text, "| 4 KiB | 61.2 µs, 49 KiB |\n| 1024 KiB | 132.9 µs, 0 KiB |\n") {
		t.Error(text)
	}
}
