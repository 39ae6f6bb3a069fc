package callback

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// reply is one response.
type reply struct {
	status   int
	location string
	page     func(*book) []byte
	fetched  func() // when it has been sent whole; may be nil
	form     bool   // its page asks for a line of text
}

func refuse(no *refusal) reply {
	return reply{status: no.status, page: func(in *book) []byte { return in.refusals[no] }}
}

// bytes is the reply as it goes over the wire. Every one carries the same strict
// fields; a reply to HEAD has no body (RFC 9110 §9.3.2).
func (a reply) bytes(in *book, withBody bool) []byte {
	var b bytes.Buffer
	body := a.page(in)
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	field("Date", time.Now().UTC().Format(http.TimeFormat))
	field("Connection", "close")
	field("Content-Type", "text/html; charset=utf-8")
	field("Content-Length", fmt.Sprint(len(body)))
	if a.status == http.StatusMethodNotAllowed {
		field("Allow", http.MethodGet)
	}
	if a.location != "" {
		field("Location", a.location)
	}
	field("Cache-Control", "no-store")
	if a.form {
		field("Content-Security-Policy", in.frame.asking)
	} else {
		field("Content-Security-Policy", in.frame.policy)
	}
	field("Cross-Origin-Opener-Policy", "same-origin")
	field("Cross-Origin-Resource-Policy", "same-origin")
	field("Referrer-Policy", "no-referrer")
	field("X-Content-Type-Options", "nosniff")
	field("X-Frame-Options", "DENY")
	b.WriteString("\r\n")
	if withBody {
		b.Write(body)
	}
	return b.Bytes()
}

// hangUp ends our side and waits a moment for the other: closing with input unread
// resets the connection, and a reset can eat a response that is still on its way.
func hangUp(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(drainLimit))
		_, _ = io.CopyN(io.Discard, conn, drainBytes)
	}
}
