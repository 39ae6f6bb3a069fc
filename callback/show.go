package callback

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"keytender/assets"
)

// Sheet is a page of ours that belongs to no sign-in. It follows the rules of the others.
type Sheet struct {
	// Language is that of Title and Texts. A sheet without them is the welcome, in the
	// language of the browser.
	Language string
	Title    string
	Texts    []string // lines, in order
	Ways     []Way
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
	places, replies, begin := map[string]place{path: atDone}, map[string]reply{}, map[string]func(){}
	var links []link
	for _, way := range s.Ways {
		to := "/way/" + randomHex()
		begin[to] = sync.OnceFunc(func() { go way.Do() })
		page := func(in *book) []byte {
			return in.fill(in.page("wait", in.words.InProgress, in.words.Ways[way.Name].Chosen))
		}
		places[to], replies[to] = atDone, reply{status: http.StatusOK, page: page}
		links = append(links, link{name: way.Name, to: to})
	}
	replies[path] = reply{status: http.StatusOK, page: func(in *book) []byte { return in.sheet(s, links) }, fetched: note}
	gate := newGate(Config{}, port, places)
	h := newHost(func(q request, ours func()) reply {
		if _, no := gate.admit(q); no != nil {
			return refuse(no)
		}
		ours()
		if do := begin[q.path]; do != nil {
			do()
		}
		return replies[q.path]
	})
	shown := &Showing{URL: "http://localhost:" + strconv.Itoa(port) + path, Seen: seen, host: h}
	h.start(listeners)
	timer := time.AfterFunc(life, shown.Close)
	context.AfterFunc(ctx, func() { timer.Stop(); shown.Close() })
	return shown, nil
}

// Close frees the port. Only the first call does anything.
func (s *Showing) Close() { s.once.Do(func() { s.host.close(); s.host.running.Wait() }) }

// link is a Way as it stands on the page.
type link struct{ name, to string }

// sheet is the page of s.
func (b *book) sheet(s Sheet, links []link) []byte {
	if s.Language != "" {
		b = bookIn(s.Language)
	}
	text := b.words.Welcome
	if s.Title != "" {
		text = assets.Page{Title: outside(s.Title), Next: b.words.Refused.Next}
	}
	p := b.page("key", "Keytender", text)
	for _, line := range s.Texts {
		p["lines"] += assets.Fill("<p>{{line}}</p>\n", map[string]assets.HTML{"line": outside(line)})
	}
	for _, l := range links {
		way := b.words.Ways[l.name]
		p["ways"] += assets.Fill(`<p class="way"><a class="act" href="{{to}}">{{label}}</a><br>{{text}}</p>`+"\n",
			map[string]assets.HTML{"to": assets.Text(l.to), "label": way.Label, "text": way.Text})
	}
	return b.fill(p)
}
