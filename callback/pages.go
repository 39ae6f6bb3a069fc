package callback

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"

	"keytender/assets"
	"keytender/internal/language"
	"keytender/internal/shown"
)

// book is all pages in one language.
type book struct {
	words    *assets.Words
	frame    *frame
	refusals map[*refusal][]byte
}

// frame is what the pages of all languages share.
type frame struct {
	layout, style, icon assets.HTML
	marks               map[string]assets.HTML
	policy              string
	asking              string // the policy of a page that asks for a line of text
}

// pageFrame reads the embedded files when the first listener needs them; most commands
// open none. A page that is missing shows in the first test, not in a browser.
var pageFrame = sync.OnceValue(func() *frame {
	f := &frame{
		layout: assets.HTML(read("pages/layout.html")), style: assets.HTML(read("pages/style.css")),
		icon:  assets.HTML(base64.StdEncoding.EncodeToString(read("icons/keytender-48.png"))),
		marks: map[string]assets.HTML{},
	}
	for _, name := range []string{"bad", "good", "key", "late", "stop", "stray", "wait"} {
		f.marks[name] = assets.HTML(read("pages/mark-" + name + ".html"))
	}
	// The picture on the tab stands in the page itself, so that no picture is let through
	// from anywhere, our own port included.
	f.policy = "default-src 'none'; style-src 'sha256-" + hash(f.style) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	f.asking = strings.Replace(f.policy, "form-action 'none'", "form-action 'self'", 1)
	return f
})

var books = func() map[string]func() *book {
	all := map[string]func() *book{}
	for _, tag := range language.All {
		all[tag] = sync.OnceValue(func() *book { return newBook(tag) })
	}
	return all
}()

func bookIn(tag string) *book { return books[tag]() }

// bookFor is in the language of the browser that sent r; English for who names none.
func bookFor(r request) *book {
	var tags []string
	for _, field := range r.fields["accept-language"] {
		tags = append(tags, language.Accepted(field)...)
	}
	return bookIn(language.Choose(tags...))
}

func newBook(tag string) *book {
	b := &book{words: assets.WordsIn(tag), frame: pageFrame(), refusals: map[*refusal][]byte{}}
	// Filled in once: a flood of wrong requests fills in no page.
	for _, no := range refusals {
		words := b.words.Refused
		if no.status == 400 {
			words = b.words.Stray
		}
		p := b.page("stray", b.words.Attention, words)
		p["said"] = b.words.Reasons.Of(no.reason)
		b.refusals[no] = b.fill(p)
	}
	return b
}

func read(name string) []byte {
	data, err := assets.Pages.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return data
}

// hash lets the pages' one inline style through the policy, and no other.
func hash(style assets.HTML) string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// page is the parts of the layout that differ from page to page.
type page map[string]assets.HTML

func (b *book) page(mark string, label assets.HTML, words assets.Page) page {
	return page{
		"mark":  assets.Fill(b.frame.marks[mark], map[string]assets.HTML{"label": label}),
		"title": words.Title, "text": words.Body, "next": words.Next,
	}
}

func (b *book) fill(p page) []byte {
	p["lang"], p["style"], p["icon"] = assets.HTML(b.words.Tag), b.frame.style, b.frame.icon
	return []byte(assets.Fill(b.frame.layout, p))
}

// wait moves on to next by itself.
func (b *book) wait(next string) []byte {
	p := b.page("wait", b.words.InProgress, b.words.Finishing)
	p["head"] = `<meta http-equiv="refresh" content="1;url=` + assets.Escaped(next) + `">`
	p["next"] = assets.Fill(p["next"], map[string]assets.HTML{"next": assets.Escaped(next)})
	return b.fill(p)
}

// outcome is the page of o; its texts from outside are cleaned, cut and escaped.
func (b *book) outcome(o Outcome) []byte {
	w := b.words
	switch o.Kind {
	case SignedIn:
		return b.fill(b.welcome(w.SignedIn, o))
	case ElsewhereDone:
		return b.fill(b.welcome(w.Elsewhere, o))
	case Declined:
		return b.fill(b.said(b.page("stop", w.Stopped, w.Declined), o))
	case TimedOut:
		return b.fill(b.page("late", w.TooLate, w.TimedOut))
	case Cancelled:
		return b.fill(b.page("stop", w.Stopped, w.Cancelled))
	case Failed: // and any other value
	}
	failure := w.Failures.Of(failureOf[o.Problem])
	p := b.page("bad", w.NotDone, assets.Page{Title: w.NotSignedIn, Body: failure[0], Next: failure[1]})
	if o.instead != "" {
		p["act"], p["doing"] = assets.Escaped(o.instead), w.Ways.Of("claude").Label
	}
	return b.fill(b.said(p, o))
}

// failureOf groups the engine's words for what went wrong by what the page says.
var failureOf = map[string]string{
	"not-permitted": "refused", "configuration": "refused",
	"code-refused": "code-refused", "other-account": "other-account", "try-later": "try-later",
	"locked": "locked", "denied": "keychain", "unavailable": "keychain", "timed-out": "keychain",
	"storage": "storage",
}

func (b *book) welcome(words assets.Page, o Outcome) page {
	p := b.page("good", b.words.Done, words)
	if o.Email != "" {
		p["title"] = assets.Fill(b.words.As, map[string]assets.HTML{"title": words.Title, "email": outside(o.Email)})
	}
	p["kept"] = b.words.Kept.Of(o.Kept)
	if o.Plan != "" {
		p["plan"] = assets.Fill(b.words.Plan, map[string]assets.HTML{"plan": outside(shown.Plan(o.Plan))})
	}
	return p
}

func (b *book) said(p page, o Outcome) page {
	if o.Said != "" {
		p["said"] = assets.Fill(b.words.Said, map[string]assets.HTML{"said": outside(o.Said)})
	}
	return p
}

// outside makes text from outside fit for a page.
func outside(text string) assets.HTML { return assets.Escaped(shown.Cut(shown.Line(text), 400)) }
