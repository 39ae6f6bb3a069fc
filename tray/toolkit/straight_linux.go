//go:build !notray && (fynetray || !cgo)

package toolkit

import (
	"image"
	"image/color"
	"image/png"
	"io"
)

// A panel wants colours that are not multiplied by alpha (StatusNotifierItem,
// "Icons"). The library takes what color.Color says, which is multiplied, and of its 16
// bits the low 8, so that each half-transparent pixel gets a colour of its own
// (argbForImage in https://github.com/fyne-io/systray/blob/v1.12.2/systray_unix.go).
// Therefore it is given pictures of a format of ours: a PNG behind a word, whose pixels
// say what the panel is to get.

const straightMagic = "keytender-straight\n"

func init() {
	image.RegisterFormat("keytender-straight", straightMagic, decodeStraight, func(r io.Reader) (image.Config, error) {
		img, err := decodeStraight(r)
		if err != nil {
			return image.Config{}, err
		}
		return image.Config{ColorModel: img.ColorModel(), Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}, nil
	})
}

func decodeStraight(r io.Reader) (image.Image, error) {
	if _, err := io.CopyN(io.Discard, r, int64(len(straightMagic))); err != nil {
		return nil, err
	}
	img, err := png.Decode(r)
	if err != nil {
		return nil, err
	}
	return straight{img}, nil
}

type straight struct{ image.Image }

func (s straight) At(x, y int) color.Color {
	return straightColor(color.NRGBAModel.Convert(s.Image.At(x, y)).(color.NRGBA))
}

type straightColor color.NRGBA

// RGBA does not multiply by alpha. High and low byte are the same: either may be taken.
func (c straightColor) RGBA() (r, g, b, a uint32) {
	return uint32(c.R) * 0x101, uint32(c.G) * 0x101, uint32(c.B) * 0x101, uint32(c.A) * 0x101
}
