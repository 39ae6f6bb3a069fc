package callback

import (
	"net/http"
	"sync"
)

// instead is the link on the page of a refusal that leads to Claude Code's own sign-in.
// Its path cannot be guessed, so that a stranger on the port starts nothing.
type instead struct {
	path   string
	follow func() reply
}

// newInstead is nil where the page offers nothing.
func newInstead(begin func()) *instead {
	if begin == nil {
		return nil
	}
	once := sync.OnceFunc(func() { go begin() })
	page := func(in *book) []byte {
		return in.fill(in.page("wait", in.words.InProgress, in.words.Ways.Of("claude").Chosen))
	}
	return &instead{path: "/instead/" + randomHex(), follow: func() reply {
		once()
		return reply{status: http.StatusOK, page: page}
	}}
}

func (i *instead) among(routes map[string]route) map[string]route {
	if i != nil {
		routes[i.path] = atInstead
	}
	return routes
}

// pathFor is where the page of o leads to; empty: nowhere.
func (i *instead) pathFor(o Outcome) string {
	if i == nil || o.Kind != Failed || failureOf[o.Problem] != "refused" {
		return ""
	}
	return i.path
}
