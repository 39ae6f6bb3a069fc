package callback

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"

	"keytender/assets"
)

// The pages are fixed at build time: whatever is wrong with a template shows in
// the first test, not in a browser.
var (
	style         = mustRead("pages/style.css")
	contentPolicy = "default-src 'none'; style-src 'sha256-" + styleHash() +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

	finishingPage = mustParse("finishing")
	outcomePages  = map[OutcomeKind]*template.Template{
		SignedIn: mustParse("signed-in"), Declined: mustParse("declined"), TimedOut: mustParse("timed-out"),
		Failed: mustParse("failed"), ElsewhereDone: mustParse("elsewhere"), Cancelled: mustParse("cancelled"),
	}
	refusalPages = renderRefusals()
)

func mustRead(name string) string {
	text, err := assets.Pages.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// styleHash lets the pages' one inline style through the policy, and no other.
func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func mustParse(name string) *template.Template {
	return template.Must(template.ParseFS(assets.Pages, "pages/layout.html", "pages/"+name+".html"))
}

// page is what the templates see.
type page struct {
	Style template.CSS
	Outcome
	Next   string // finishing: where to look for the outcome
	Reason string // refused
}

func render(t *template.Template, p page) []byte {
	p.Style = template.CSS(style)
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", p); err != nil {
		// Only a broken template fails, and every one is rendered in the tests.
		return []byte("<!doctype html><title>Keytender</title>")
	}
	return b.Bytes()
}

func waitPage(next string) []byte { return render(finishingPage, page{Next: next}) }

func outcomePage(o Outcome) []byte {
	t, known := outcomePages[o.Kind]
	if !known {
		t = outcomePages[Failed]
	}
	for _, text := range []*string{&o.Email, &o.Plan, &o.Title, &o.Message, &o.Hint} {
		*text = clean(*text, 400)
	}
	return render(t, page{Outcome: o})
}

// renderRefusals renders them once: a flood of wrong requests costs no template.
func renderRefusals() map[*refusal][]byte {
	stray, refused := mustParse("stray"), mustParse("refused")
	pages := map[*refusal][]byte{}
	for _, no := range refusals {
		t := refused
		if no.status == 400 {
			t = stray
		}
		pages[no] = render(t, page{Reason: no.reason})
	}
	return pages
}

func refusalPage(no *refusal) []byte { return refusalPages[no] }
