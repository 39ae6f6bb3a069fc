package callback

import (
	"crypto/sha256"
	"encoding/base64"
	"sync"

	"keytender/assets"
	"keytender/internal/shown"
)

// book is all pages, read from the embedded files.
type book struct {
	layout, style             assets.HTML
	policy                    string
	finishing, stray, refused page
	outcomes                  map[OutcomeKind]page
	refusals                  map[*refusal][]byte
}

// pages reads them when the first listener needs them; most commands open none. A page
// that is missing shows in the first test, not in a browser.
var pages = sync.OnceValue(func() *book {
	b := &book{
		layout: read("layout.html"), style: read("style.css"),
		finishing: readPage("Finishing the sign-in", "wait", "finishing"),
		stray:     readPage("This page is not from the current sign-in", "stray", "stray"),
		refused:   readPage("Nothing to see here", "stray", "refused"),
		outcomes: map[OutcomeKind]page{
			SignedIn:      readPage("Signed in", "good", "signed-in"),
			Declined:      readPage("You chose not to allow it", "stop", "declined"),
			TimedOut:      readPage("This sign-in took too long", "late", "timed-out"),
			Failed:        readPage("The sign-in did not work", "bad", "failed"),
			ElsewhereDone: readPage("Signed in already", "good", "elsewhere"),
			Cancelled:     readPage("This sign-in was cancelled", "stop", "cancelled"),
		},
		refusals: map[*refusal][]byte{},
	}
	b.policy = "default-src 'none'; style-src 'sha256-" + hash(b.style) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	// Filled in once: a flood of wrong requests fills in no page.
	for _, no := range refusals {
		p := b.refused
		if no.status == 400 {
			p = b.stray
		}
		b.refusals[no] = b.render(p, "", map[string]string{"reason": no.reason})
	}
	return b
})

// page is one page's own part of the layout.
type page struct {
	title      string
	mark, text assets.HTML
}

func readPage(title, mark, text string) page {
	return page{title: title, mark: read("mark-" + mark + ".html"), text: read(text + ".html")}
}

func read(name string) assets.HTML {
	text, err := assets.Pages.ReadFile("pages/" + name)
	if err != nil {
		panic(err)
	}
	return assets.HTML(text)
}

// hash lets the pages' one inline style through the policy, and no other.
func hash(style assets.HTML) string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// render fills the page's places with escaped texts; head is the page's own line of
// the head, if it has one.
func (b *book) render(p page, head assets.HTML, texts map[string]string) []byte {
	parts := map[string]assets.HTML{}
	for name, text := range texts {
		parts[name] = assets.Text(text)
	}
	return []byte(assets.Fill(b.layout, map[string]assets.HTML{
		"head": head, "title": assets.Text(p.title), "style": b.style, "mark": p.mark,
		"text": assets.Fill(p.text, parts),
	}))
}

// waitPage moves on to next by itself.
func waitPage(next string) []byte {
	return pages().render(pages().finishing, `<meta http-equiv="refresh" content="1;url=`+assets.Text(next)+`">`, map[string]string{"next": next})
}

func outcomePage(o Outcome) []byte {
	p, known := pages().outcomes[o.Kind]
	if !known {
		o.Kind = Failed
		p = pages().outcomes[Failed]
	}
	for _, text := range []*string{&o.Email, &o.Plan, &o.Title, &o.Message, &o.Hint} {
		*text = shown.Cut(shown.Line(*text), 400)
	}
	switch {
	case (o.Kind == SignedIn || o.Kind == ElsewhereDone) && o.Email != "":
		p.title += " as " + o.Email
	case o.Kind == Failed && o.Title != "":
		p.title = o.Title
	}
	if o.Hint == "" {
		o.Hint = "Close this window and click Sign in again. If it goes wrong once more, run “keytender doctor”."
	}
	return pages().render(p, "", map[string]string{"plan": o.Plan, "message": o.Message, "hint": o.Hint})
}

func refusalPage(no *refusal) []byte { return pages().refusals[no] }
