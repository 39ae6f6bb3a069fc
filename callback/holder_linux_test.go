package callback

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const procNetTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:223D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:223D 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
   2: 00000000:223E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
   3: 00000000000000000000000001000000:223D 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0000000000000000 100 0 0 10 0
   4: broken
`

func TestListeningInodes(t *testing.T) {
	if got := listeningInodes(procNetTCP, 8765); !slices.Equal(got, []string{"4711", "4714"}) {
		t.Errorf("got %v", got)
	}
}

func TestNobodyHoldsAFreePort(t *testing.T) {
	s := start(t, Config{})
	s.Close()
	if got := holder(s.Port(), time.Second); got != "" {
		t.Errorf("holder %q", got)
	}
}

func FuzzListeningInodes(f *testing.F) {
	f.Add(procNetTCP)
	f.Fuzz(func(t *testing.T, table string) {
		for _, inode := range listeningInodes(table, 8765) {
			if !slices.Contains(strings.Fields(table), inode) {
				t.Fatalf("%q stands nowhere", inode)
			}
		}
	})
}
