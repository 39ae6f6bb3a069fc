package menu

import (
	"bytes"
	"image"
	"image/png"
	"testing"
	"time"

	"keytender/assets"
	"keytender/internal/session"
	"keytender/tray/traytest"
)

var allIcons = []IconState{IconSignedOut, IconFine, IconSoon, IconTrouble, IconWorking}

func TestStateOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		status session.Status
		doing  Activity
		want   IconState
	}{
		{"not read yet", session.Status{}, Activity{}, IconWorking},
		{"signed out", session.Status{State: session.SignedOut}, Activity{}, IconSignedOut},
		{"in order", traytest.SignedIn(traytest.Noon), Activity{}, IconFine},
		{"a sign-in waits", traytest.SignedIn(traytest.Noon), Activity{SignIn: Waiting}, IconWorking},
		{"renewing", traytest.SignedIn(traytest.Noon), Activity{Renewing: true}, IconWorking},
		{"the access token has ended", traytest.Changed(func(s *session.Status) {
			s.AccessToken = session.AccessClock{ExpiresAt: traytest.At(-time.Hour), Renewable: true}
		}), Activity{}, IconFine},
		{"just over seven days left", traytest.Changed(func(s *session.Status) {
			s.Login.ExpiresAt = traytest.At(7*day +
				time.Second)
		}), Activity{}, IconFine},
		{"seven days left", traytest.Changed(func(s *session.Status) { s.Login.ExpiresAt = traytest.At(7 * day) }),
			Activity{}, IconSoon},
		{"ended", traytest.Changed(func(s *session.Status) { s.Login.ExpiresAt = traytest.At(0) }), Activity{},
			IconTrouble},
		{"no end known", traytest.Changed(func(s *session.Status) { s.Login.ExpiresAt = nil }), Activity{}, IconFine},
		{"later, still valid", traytest.Changed(func(s *session.Status) { s.State = session.TryLater }), Activity{},
			IconFine},
		{"later, not valid", traytest.Changed(func(s *session.Status) {
			s.State, s.AccessToken.Valid = session.TryLater,
				false
		}), Activity{}, IconTrouble},
		{"sign in again", traytest.Changed(func(s *session.Status) { s.State = session.SignInAgain }), Activity{},
			IconTrouble},
	} {
		if got := StateOf(c.status, c.doing, traytest.Noon); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func decode(t *testing.T, name string) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(assets.Icon(name)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return img
}

func TestIconSizes(t *testing.T) {
	for _, state := range allIcons {
		for suffix, px := range map[string]int{"-22.png": 22, "-24.png": 24, "-44.png": 44, "-template.png": 44} {
			if b := decode(t, string(state)+suffix).Bounds(); b.Dx() != px || b.Dy() != px {
				t.Errorf("%s%s is %v", state, suffix, b)
			}
		}
		ico := assets.Icon(string(state) + ".ico")
		if !bytes.HasPrefix(ico, []byte{0, 0, 1, 0, 4, 0}) {
			t.Errorf("%s.ico is not an icon of four sizes", state)
		}
	}
}

// TestIconsDifferInShape compares the one-coloured forms: whoever sees no colours
// must tell any two apart, and macOS shows nothing else.
func TestIconsDifferInShape(t *testing.T) {
	for i, one := range allIcons {
		for _, other := range allIcons[i+1:] {
			a, b := decode(t, string(one)+"-template.png"), decode(t, string(other)+"-template.png")
			differ := 0
			for y := range 44 {
				for x := range 44 {
					_, _, _, p := a.At(x, y).RGBA()
					_, _, _, q := b.At(x, y).RGBA()
					if p > 0x8000 != (q > 0x8000) {
						differ++
					}
				}
			}
			if differ < 44*44/20 {
				t.Errorf("%s and %s differ in %d of %d pixels only", one, other, differ, 44*44)
			}
		}
	}
}

// TestIconsStandOut: on a white and on a near-black panel enough of each icon is far
// from the panel's brightness.
func TestIconsStandOut(t *testing.T) {
	for _, state := range allIcons {
		img := decode(t, string(state)+"-22.png")
		for _, panel := range []float64{1, .12} {
			seen := 0
			for y := range 22 {
				for x := range 22 {
					r, g, b, a := img.At(x, y).RGBA()
					light := (.2126*float64(r)+.7152*float64(g)+.0722*float64(b))/0xFFFF + panel*(1-float64(a)/0xFFFF)
					if light-panel > .2 || panel-light > .2 {
						seen++
					}
				}
			}
			if seen < 45 {
				t.Errorf("%s: %d pixels stand out from a panel of brightness %.2f", state, seen, panel)
			}
		}
	}
}
