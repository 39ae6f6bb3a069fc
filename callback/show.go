package callback

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"keytender/assets"
	"keytender/internal/shown"
)

// Sheet is a page of ours that belongs to no sign-in. It follows the rules of the others.
type Sheet struct {
	// Language is that of Title and Lines. A sheet without them is the welcome, in the
	// language of the browser.
	Language string
	Title    string
	Lines    []string // lines, in order
	Ways     []Way
	Ask      *Ask
}

// Ask is one line of text that a sheet asks for. It is never a secret: the answer comes in
// an address.
type Ask struct {
	Label, Button string
	Value         string // what stands there already
	// Answer says what became of the text, one call at a time; until it is done, the text
	// is asked for again.
	Answer func(text string) (title string, lines []string, done bool)
}

// Way is a link that a person can follow on a sheet.
type Way struct {
	Name string // which of assets.Words.Ways
	Do   func() // called once, in a goroutine of its own
}

// Showing is a sheet that is served at a path which nobody can guess.
type Showing struct {
	URL  string
	Seen <-chan struct{} // closed when the page was fetched by a browser that a person sees

	host *host
	once sync.Once
}

// Show serves s on a free port of both loopback stacks, for as long as life and ctx last.
func Show(ctx context.Context, s Sheet, life time.Duration) (*Showing, error) {
	listeners, err := claim(ctx, listenLoopback, Config{})
	if err != nil {
		return nil, err
	}
	port := listeners[0].Addr().(*net.TCPAddr).Port
	seen := make(chan struct{})
	note := sync.OnceFunc(func() { close(seen) })
	path := "/note/" + randomHex()
	routes, replies, begin := map[string]route{path: atDone}, map[string]reply{}, map[string]func(){}
	asked := newQuestion(s)
	if asked != nil {
		routes[asked.path] = atDone
	}
	var links []link
	for _, way := range s.Ways {
		to := "/way/" + randomHex()
		begin[to] = sync.OnceFunc(func() { go way.Do() })
		page := func(in *book) []byte {
			return in.fill(in.page("wait", in.words.InProgress, in.words.Ways.Of(way.Name).Chosen))
		}
		routes[to], replies[to] = atDone, reply{status: http.StatusOK, page: page}
		links = append(links, link{name: way.Name, to: to})
	}
	replies[path] = reply{status: http.StatusOK, form: s.Ask != nil, fetched: note, page: func(in *book) []byte {
		in = in.of(s)
		return in.fill(asked.ask(in.sheet(s, links)))
	}}
	gate := newGate(Config{}, port, routes)
	h := newHost(func(q request, ours func()) reply {
		if _, no := gate.admit(q); no != nil {
			return refuse(no)
		}
		ours()
		if do := begin[q.path]; do != nil {
			do()
		}
		if asked != nil && q.path == asked.path {
			return asked.answer(q.query)
		}
		return replies[q.path]
	})
	showing := &Showing{URL: "http://localhost:" + strconv.Itoa(port) + path, Seen: seen, host: h}
	h.start(listeners)
	timer := time.AfterFunc(life, showing.Close)
	context.AfterFunc(ctx, func() { timer.Stop(); showing.Close() })
	return showing, nil
}

// Close frees the port. Only the first call does anything.
func (s *Showing) Close() { s.once.Do(func() { s.host.close(); s.host.running.Wait() }) }

// link is a Way as it stands on the page.
type link struct{ name, to string }

// question is an Ask that waits for its answer.
type question struct {
	sheet Sheet
	path  string

	mu     sync.Mutex
	closed *reply // how it ended
}

// newQuestion is nil for a sheet that asks nothing.
func newQuestion(s Sheet) *question {
	if s.Ask == nil {
		return nil
	}
	return &question{sheet: s, path: "/answer/" + randomHex()}
}

// ask puts the line to fill in on a page.
func (a *question) ask(p page) page {
	if a == nil {
		return p
	}
	return a.fillIn(p, a.sheet.Ask.Value)
}

func (a *question) fillIn(p page, value string) page {
	q := a.sheet.Ask
	p["form"] = assets.Fill(`<form action="{{to}}">
<label>{{label}} <input name="text" maxlength="100" required autofocus autocomplete="off" spellcheck="false"
value="{{value}}"
></label>
<button class="act">{{button}}</button>
</form>`,
		map[string]assets.HTML{"to": assets.Escaped(a.path), "label": outside(q.Label), "button": outside(q.Button),
			"value": outside(value)})
	p["next"] = ""
	return p
}

// answer takes what was filled in. Once it is done, a page that is loaded again does
// nothing.
func (a *question) answer(query string) reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed != nil {
		return *a.closed
	}
	values, err := url.ParseQuery(query)
	text := shown.Cut(shown.Line(values.Get("text")), 100)
	if err != nil || len(values["text"]) != 1 || text == "" {
		return refuse(refuseMalformed)
	}
	title, lines, done := a.sheet.Ask.Answer(text)
	told := Sheet{Language: a.sheet.Language, Title: title, Lines: lines}
	r := reply{status: http.StatusOK, form: !done, page: func(in *book) []byte {
		in = in.of(told)
		p := in.sheet(told, nil)
		if !done {
			p = a.fillIn(p, text)
		}
		return in.fill(p)
	}}
	if done {
		a.closed = &r
	}
	return r
}

// lineLimit bounds a line of a sheet, in characters.
const lineLimit = 4000

// of is the book in the language of s.
func (b *book) of(s Sheet) *book {
	if s.Language == "" {
		return b
	}
	return bookIn(s.Language)
}

// sheet is the page of s.
func (b *book) sheet(s Sheet, links []link) page {
	words := b.words.Welcome
	if s.Title != "" {
		words = assets.Page{Title: outside(s.Title), Next: b.words.Refused.Next}
	}
	p := b.page("key", "Keytender", words)
	for _, line := range s.Lines {
		p["lines"] += assets.Fill("<p>{{line}}</p>\n",
			map[string]assets.HTML{"line": assets.Escaped(shown.Cut(shown.Line(line), lineLimit))})
	}
	for _, l := range links {
		way := b.words.Ways.Of(l.name)
		p["ways"] += assets.Fill(`<p class="way"><a class="act" href="{{to}}">{{label}}</a><br>{{text}}</p>`+"\n",
			map[string]assets.HTML{"to": assets.Escaped(l.to), "label": way.Label, "text": way.Body})
	}
	return p
}
