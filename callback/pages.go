package callback

import (
	"crypto/sha256"
	"encoding/base64"

	"keytender/assets"
)

// The pages are read when the program starts: one that is missing shows in the
// first test, not in a browser.
var (
	layout = read("layout.html")
	style  = read("style.css")

	contentPolicy = "default-src 'none'; style-src 'sha256-" + styleHash() +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

	finishingPage = readPage("Finishing the sign-in", "wait", "finishing")
	strayPage     = readPage("This page is not from the current sign-in", "stray", "stray")
	refusedPage   = readPage("Nothing to see here", "stray", "refused")
	outcomePages  = map[OutcomeKind]page{
		SignedIn:      readPage("Signed in", "good", "signed-in"),
		Declined:      readPage("You chose not to allow it", "stop", "declined"),
		TimedOut:      readPage("This sign-in took too long", "late", "timed-out"),
		Failed:        readPage("The sign-in did not work", "bad", "failed"),
		ElsewhereDone: readPage("Signed in already", "good", "elsewhere"),
		Cancelled:     readPage("This sign-in was cancelled", "stop", "cancelled"),
	}
	refusalPages = renderRefusals()
)

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

// styleHash lets the pages' one inline style through the policy, and no other.
func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// render fills the page's places with escaped texts; head is the page's own line of
// the head, if it has one.
func (p page) render(head assets.HTML, texts map[string]string) []byte {
	parts := map[string]assets.HTML{}
	for name, text := range texts {
		parts[name] = assets.Text(text)
	}
	return []byte(assets.Fill(layout, map[string]assets.HTML{
		"head": head, "title": assets.Text(p.title), "style": style, "mark": p.mark,
		"text": assets.Fill(p.text, parts),
	}))
}

// waitPage moves on to next by itself.
func waitPage(next string) []byte {
	return finishingPage.render(`<meta http-equiv="refresh" content="1;url=`+assets.Text(next)+`">`, map[string]string{"next": next})
}

func outcomePage(o Outcome) []byte {
	p, known := outcomePages[o.Kind]
	if !known {
		o.Kind = Failed
		p = outcomePages[Failed]
	}
	for _, text := range []*string{&o.Email, &o.Plan, &o.Title, &o.Message, &o.Hint} {
		*text = clean(*text, 400)
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
	return p.render("", map[string]string{"plan": o.Plan, "message": o.Message, "hint": o.Hint})
}

// renderRefusals renders them once: a flood of wrong requests fills in no page.
func renderRefusals() map[*refusal][]byte {
	pages := map[*refusal][]byte{}
	for _, no := range refusals {
		p := refusedPage
		if no.status == 400 {
			p = strayPage
		}
		pages[no] = p.render("", map[string]string{"reason": no.reason})
	}
	return pages
}

func refusalPage(no *refusal) []byte { return refusalPages[no] }
