//go:build ignore

// Generate draws the menu-bar icons and writes them beside itself, or, with a file's
// name, the program's icon for macOS there. A key lies from
// the lower left (its bow) to the upper right (its teeth); what the state adds
// stands in the lower right corner. Each state has a shape of its own, so that it
// is told without colour and in the one-coloured form that macOS wants.
//
// Everything is described on a field of 22 by 22 units as signed distances and
// sampled many times per pixel, which gives clean edges at every size.
package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
)

// shape tells how far a point lies outside of a figure, in units; negative inside.
type shape func(x, y float64) float64

func disc(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

// bar is a line with round ends.
func bar(x1, y1, x2, y2, halfWidth float64) shape {
	return func(x, y float64) float64 {
		dx, dy := x2-x1, y2-y1
		t := ((x-x1)*dx + (y-y1)*dy) / (dx*dx + dy*dy)
		t = math.Max(0, math.Min(1, t))
		return math.Hypot(x-x1-t*dx, y-y1-t*dy) - halfWidth
	}
}

// polygon is a closed convex figure, given clockwise on a field whose y grows downward.
func polygon(points ...[2]float64) shape {
	return func(x, y float64) float64 {
		nearest, inside := math.Inf(1), true
		for i, p := range points {
			q := points[(i+1)%len(points)]
			nearest = math.Min(nearest, bar(p[0], p[1], q[0], q[1], 0)(x, y))
			if (q[0]-p[0])*(y-p[1])-(q[1]-p[1])*(x-p[0]) < 0 {
				inside = false
			}
		}
		if inside {
			return -nearest
		}
		return nearest
	}
}

func union(shapes ...shape) shape {
	return func(x, y float64) float64 {
		d := math.Inf(1)
		for _, s := range shapes {
			d = math.Min(d, s(x, y))
		}
		return d
	}
}

func cut(from shape, hole shape) shape {
	return func(x, y float64) float64 { return math.Max(from(x, y), -hole(x, y)) }
}

func grow(s shape, by float64) shape {
	return func(x, y float64) float64 { return s(x, y) - by }
}

// band is the line of the given width just inside the edge of a figure.
func band(s shape, width float64) shape {
	return func(x, y float64) float64 { d := s(x, y); return math.Max(d, -d-width) }
}

// The key. silhouette is its outer form, key the form with the hole in the bow.
var (
	silhouette = union(
		disc(6.9, 15.1, 5.4),
		bar(9, 13, 19, 3, 1.5),
		bar(15.3, 6.7, 17.9, 9.3, 1.3),
		bar(18.3, 3.7, 20.3, 5.7, 1.3),
	)
	key = cut(silhouette, disc(6.3, 15.7, 2.1))
	// hollow is a key of thin lines: there is nothing in it.
	hollow = union(
		band(disc(6.9, 15.1, 5.6), 1.7),
		bar(11, 11, 19.4, 2.6, .85),
		bar(15.3, 6.7, 17.9, 9.3, .85),
		bar(18.3, 3.7, 20.3, 5.7, .85),
	)

	clock  = disc(16.4, 16.4, 4.6)
	hands  = union(bar(16.4, 13.7, 16.4, 16.6, .65), bar(16.4, 16.6, 18.5, 17.7, .65))
	warn   = grow(polygon([2]float64{16, 12.4}, [2]float64{20.3, 20}, [2]float64{11.7, 20}), 1)
	exclam = union(bar(16, 14.6, 16, 16.8, .9), disc(16, 19.4, .95))
	dots   = union(disc(11.9, 18.9, 1.55), disc(16, 18.9, 1.55), disc(20.1, 18.9, 1.55))
)

// Mid-tones with a dark rim stand out on a dark panel by the tone and on a light
// one by the rim.
var (
	gold  = color.NRGBA{0xF0, 0xB4, 0x2C, 0xFF}
	rim   = color.NRGBA{0x4A, 0x35, 0x08, 0xFF}
	grey  = color.NRGBA{0xD8, 0xDB, 0xE0, 0xFF}
	slate = color.NRGBA{0x3C, 0x40, 0x46, 0xFF}
	white = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
	ink   = color.NRGBA{0x2B, 0x2B, 0x2B, 0xFF}
	red   = color.NRGBA{0xE0, 0x3E, 0x2D, 0xFF}
	black = color.NRGBA{0, 0, 0, 0xFF}
	clear = color.NRGBA{}
)

// layer paints a figure; the clear colour takes away what lies below.
type layer struct {
	figure shape
	colour color.NRGBA
}

const rimWidth, gap = 1.0, 1.1

// icons holds, for each state, the coloured layers and the one-coloured ones.
var icons = map[string]struct{ colour, template []layer }{
	"signed-out": {
		[]layer{{grow(hollow, .6), slate}, {grow(hollow, -.3), grey}},
		[]layer{{hollow, black}},
	},
	"fine": {
		[]layer{{grow(key, .6), rim}, {grow(key, .6-rimWidth), gold}},
		[]layer{{key, black}},
	},
	"soon": {
		[]layer{
			{grow(key, .6), rim}, {grow(key, .6-rimWidth), gold}, {grow(clock, gap), clear},
			{clock, ink}, {grow(clock, -rimWidth), white}, {hands, ink},
		},
		[]layer{{key, black}, {grow(clock, gap), clear}, {clock, black}, {hands, clear}},
	},
	"trouble": {
		[]layer{
			{grow(hollow, .6), slate}, {grow(hollow, -.3), grey}, {grow(warn, gap), clear},
			{warn, red}, {exclam, white},
		},
		[]layer{{hollow, black}, {grow(warn, gap), clear}, {warn, black}, {exclam, clear}},
	},
	"working": {
		[]layer{
			{grow(key, .6), rim}, {grow(key, .6-rimWidth), gold}, {grow(dots, 1.5), clear},
			{grow(dots, .5), rim}, {grow(dots, .5-rimWidth), white},
		},
		[]layer{{key, black}, {grow(dots, 1.1), clear}, {dots, black}},
	},
}

// draw renders layers with premultiplied averaging over the samples of each pixel.
func draw(layers []layer, px int) *image.NRGBA {
	samples := 8 // per pixel and direction
	if px > 256 {
		samples = 3
	}
	out := image.NewNRGBA(image.Rect(0, 0, px, px))
	scale := 22 / float64(px)
	for py := range px {
		for pxx := range px {
			var r, g, b, a float64
			for i := range samples * samples {
				x := (float64(pxx) + (float64(i%samples)+.5)/float64(samples)) * scale
				y := (float64(py) + (float64(i/samples)+.5)/float64(samples)) * scale
				var c color.NRGBA
				for _, l := range layers {
					if l.figure(x, y) <= 0 {
						c = l.colour
					}
				}
				w := float64(c.A) / 255
				r, g, b, a = r+float64(c.R)*w, g+float64(c.G)*w, b+float64(c.B)*w, a+w
			}
			if a > 0 {
				out.SetNRGBA(pxx, py, color.NRGBA{
					uint8(math.Round(r / a)), uint8(math.Round(g / a)), uint8(math.Round(b / a)),
					uint8(math.Round(a / float64(samples*samples) * 255)),
				})
			}
		}
	}
	return out
}

// ico packs images as 32-bit bitmaps, which every Windows loads at every size.
func ico(images ...*image.NRGBA) []byte {
	var head, body bytes.Buffer
	put := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			binary.Write(b, binary.LittleEndian, v)
		}
	}
	put(&head, uint16(0), uint16(1), uint16(len(images)))
	for _, img := range images {
		n := img.Bounds().Dx()
		maskRow := (n + 31) / 32 * 4
		size := 40 + n*n*4 + maskRow*n
		put(&head, uint8(n), uint8(n), uint16(0), uint16(1), uint16(32), uint32(size),
			uint32(6+16*len(images)+body.Len()))
		// The height counts the colour rows and the mask's; rows go bottom up.
		put(&body, uint32(40), int32(n), int32(2*n), uint16(1), uint16(32), make([]byte, 24))
		for y := n - 1; y >= 0; y-- {
			for x := range n {
				c := img.NRGBAAt(x, y)
				body.Write([]byte{c.B, c.G, c.R, c.A})
			}
		}
		for y := n - 1; y >= 0; y-- {
			row := make([]byte, maskRow)
			for x := range n {
				if img.NRGBAAt(x, y).A == 0 {
					row[x/8] |= 0x80 >> (x % 8)
				}
			}
			body.Write(row)
		}
	}
	return append(head.Bytes(), body.Bytes()...)
}

// icns packs pictures for Finder, by Apple's name for each size in pixels.
func icns(picture func(px int) []byte) []byte {
	var body bytes.Buffer
	for _, size := range []struct {
		name string
		px   int
	}{{"ic11", 32}, {"ic12", 64}, {"ic07", 128}, {"ic08", 256}, {"ic09", 512}} {
		data := picture(size.px)
		body.WriteString(size.name)
		binary.Write(&body, binary.BigEndian, uint32(8+len(data)))
		body.Write(data)
	}
	head := binary.BigEndian.AppendUint32([]byte("icns"), uint32(8+body.Len()))
	return append(head, body.Bytes()...)
}

// inset leaves room around the key, as an application's icon has it.
func inset(layers []layer) (smaller []layer) {
	for _, l := range layers {
		smaller = append(smaller, layer{func(x, y float64) float64 {
			return l.figure(11+(x-11)*1.2, 11+(y-11)*1.2) / 1.2
		}, l.colour})
	}
	return smaller
}

func main() {
	_, self, _, _ := runtime.Caller(0)
	dir := filepath.Dir(self)
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			log.Fatal(err)
		}
	}
	encode := func(img image.Image) []byte {
		var b bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
			log.Fatal(err)
		}
		return b.Bytes()
	}
	if len(os.Args) > 1 {
		dir = filepath.Dir(os.Args[1])
		app := inset(icons["fine"].colour)
		write(filepath.Base(os.Args[1]), icns(func(px int) []byte { return encode(draw(app, px)) }))
		return
	}
	for state, icon := range icons {
		for suffix, px := range map[string]int{"-22": 22, "-24": 24, "-44": 44} {
			write(state+suffix+".png", encode(draw(icon.colour, px)))
		}
		write(state+"-template.png", encode(draw(icon.template, 44)))
		write(state+".ico", ico(draw(icon.colour, 16), draw(icon.colour, 24), draw(icon.colour, 32),
			draw(icon.colour, 48)))
	}
	for suffix, px := range map[string]int{"-48": 48, "-256": 256} {
		write("keytender"+suffix+".png", encode(draw(icons["fine"].colour, px)))
	}
}
