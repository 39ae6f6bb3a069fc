package claudecode

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"keytender/internal/secret"
	"keytender/keychain"
)

// shapes are the ways in which an entry can be big: what others put beside our login,
// below it, and into it.
var shapes = []struct {
	name  string
	build func(size int) string
}{
	{"logins", func(size int) string {
		return entryOf(`"mcpOAuth":{`+repeated(size, `"server-%06d":{"accessToken":"FAKE","expiresAt":1},`)+`}`, "")
	}},
	{"keys", func(size int) string { return entryOf(repeated(size, `"key%06d":1,`), "") }},
	{"inner", func(size int) string { return entryOf(`"a":1`, ","+repeated(size, `"key%06d":1,`)) }},
	{"text", func(size int) string { return entryOf(`"note":"`+strings.Repeat("鍵", size/3)+`"`, "") }},
}

// repeated is about size bytes of numbered copies, without the last comma.
func repeated(size int, format string) string {
	var out strings.Builder
	for i := 0; out.Len() < size; i++ {
		fmt.Fprintf(&out, format, i)
	}
	return strings.TrimSuffix(out.String(), ",")
}

func entryOf(beside, inside string) string {
	return `{"claudeAiOauth":{"accessToken":"FAKE-old","refreshToken":"FAKE-old","expiresAt":1,"scopes":["user:inference"]` +
		inside + `},` + beside + `}`
}

// mergeOnce is all that a renewal does to an entry in memory.
func mergeOnce(t testing.TB, stored []byte) {
	e, err := parseEntry(stored, "file")
	if err != nil {
		t.Fatal(err)
	}
	after, changed, err := e.merge(Change{SignIn: &keychain.Credential{Access: secret.New("FAKE-new"),
		Refresh:    secret.New("FAKE-new"),
		AccessEnds: time.UnixMilli(1).UTC(), Scopes: []string{requiredScope}}})
	if err != nil || !changed || len(after.encoded()) < len(stored)*9/10 {
		t.Fatalf("changed %v, %d of %d bytes left: %v", changed, len(after.encoded()), len(stored), err)
	}
}

// TestMergeGrowsLinearly: an entry of 1 MiB costs at most as much memory for each byte
// as a small one, whatever it is big with.
func TestMergeGrowsLinearly(t *testing.T) {
	for _, shape := range shapes {
		perByte := func(size int) float64 {
			stored := []byte(shape.build(size))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			mergeOnce(t, stored)
			runtime.ReadMemStats(&after)
			return float64(after.TotalAlloc-before.TotalAlloc) / float64(len(stored))
		}
		perByte(4 << 10) // what is made once
		small := max(perByte(32<<10), perByte(64<<10))
		for _, size := range []int{256 << 10, 1 << 20} {
			if big := perByte(size); big > 1.5*small {
				t.Errorf("%s: %.0f bytes for each byte of an entry of %d KiB, %.0f in a small one", shape.name, big,
					size>>10, small)
			}
		}
	}
}

func BenchmarkMerge(b *testing.B) {
	for _, shape := range shapes {
		for _, size := range []int{4, 16, 64, 256, 1024} {
			b.Run(fmt.Sprintf("%s/%dKiB", shape.name, size), func(b *testing.B) {
				stored := []byte(shape.build(size << 10))
				b.ReportAllocs()
				b.SetBytes(int64(len(stored)))
				for b.Loop() {
					mergeOnce(b, stored)
				}
			})
		}
	}
}
