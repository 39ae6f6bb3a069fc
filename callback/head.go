// This file reads HTTP/1.1 by hand. net/http takes bare line feeds, HTTP/1.0 and bodies, answers what is
// malformed by itself, without the fields that each page of ours has, and adds 90 KB to a small program.
// server_test.go:TestWrongRequestsChangeNothing sends all of that to a server and wants our own refusals.

package callback

import (
	"errors"
	"io"
	"strings"

	"keytender/internal/secret"
)

// maxHead bounds a request's head. A redirect with the longest code is 4 KiB; a
// browser's cookies for localhost, which belong to other programs, take the rest.
const maxHead = 16 << 10

var (
	errHeadMalformed = errors.New("the request is malformed")
	errHeadTooBig    = errors.New("the request is too big")
)

// request is the head of an HTTP request. Bodies are never read.
type request struct {
	secret.Hidden
	method, path, query string
	absolute            bool // the target named scheme and host (RFC 9112 §3.2.2)
	fields              map[string][]string
}

// readHead reads up to the empty line and ignores what follows: there is one
// request per connection, which leaves nothing to smuggle. It is stricter than
// RFC 9112 asks for (no bare CR or LF, no control characters), since every
// browser is, and it fails at the first wrong byte, so that TLS or a bare-LF
// request does not wait for the deadline.
func readHead(r io.Reader) ([]byte, error) {
	head := make([]byte, 0, 2<<10)
	for {
		if len(head) == maxHead {
			return nil, errHeadTooBig
		}
		if len(head) == cap(head) {
			head = append(make([]byte, 0, maxHead), head...)
		}
		n, err := r.Read(head[len(head):cap(head)])
		for range n {
			head = head[:len(head)+1]
			if !fits(head) {
				return nil, errHeadMalformed
			}
			if c := len(head); head[c-1] == '\n' && c >= 4 && head[c-3] == '\n' {
				return head, nil
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// fits reports whether the last byte of head may stand where it does.
func fits(head []byte) bool {
	last, before := head[len(head)-1], byte(0)
	if len(head) > 1 {
		before = head[len(head)-2]
	}
	switch {
	case (before == '\r') != (last == '\n'):
		return false
	case last == '\r', last == '\n', last == '\t':
		return true
	}
	return last >= 0x20 && last != 0x7f
}

// parseHead takes a head of readHead apart. Only HTTP/1.1 is spoken: no browser
// sends anything older.
func parseHead(head []byte) (request, error) {
	lines := strings.Split(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n")
	start := strings.Split(lines[0], " ")
	if len(start) != 3 || !isToken(start[0]) || !isTarget(start[1]) || start[2] != "HTTP/1.1" {
		return request{}, errHeadMalformed
	}
	r := request{method: start[0], fields: make(map[string][]string, len(lines))}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) { // also a folded line (RFC 9112 §5.2)
			return request{}, errHeadMalformed
		}
		name = strings.ToLower(name)
		r.fields[name] = append(r.fields[name], strings.Trim(value, " \t"))
	}
	r.path, r.query, _ = strings.Cut(start[1], "?")
	if scheme, rest, found := strings.Cut(r.path, "://"); found && isToken(scheme) {
		// The target's own host counts, whatever Host says (RFC 9112 §3.2.2).
		host, _, _ := strings.Cut(rest, "/")
		r.absolute = true
		r.fields["host"] = []string{host}
	}
	return r, nil
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

func isTarget(s string) bool {
	for _, c := range []byte(s) {
		if c <= 0x20 || c >= 0x7f || c == '#' {
			return false
		}
	}
	return s != ""
}
