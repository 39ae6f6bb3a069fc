package bounded

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestOutput(t *testing.T) {
	for _, c := range []struct {
		room   int
		writes []string
		want   string
	}{
		{5, nil, ""},
		{5, []string{"ab", "cd"}, "abcd"},
		{5, []string{"ab", "cd", "ef", "gh"}, "abcde"},
		{5, []string{"abcdefgh"}, "abcde"},
		{0, []string{"a"}, ""},
	} {
		o := Keep(c.room)
		for _, text := range c.writes {
			if n, err := o.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%v: %d bytes, %v", c, n, err)
			}
		}
		if string(o.Bytes()) != c.want {
			t.Errorf("%v: %q", c, o.Bytes())
		}
		if printed := fmt.Sprintf("%v %+v", o, *o); c.want != "" && strings.Contains(printed, c.want) {
			t.Errorf("shown as %s", printed)
		}
	}
}
