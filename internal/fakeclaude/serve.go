package fakeclaude

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// serveWhole serves with net/http: tests hold, cut and garble what it sends.
func serveWhole(s *Server, listener net.Listener) (stop func()) {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second, ConnState: s.traffic.note}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // always ends with ErrServerClosed
	}()
	return func() {
		_ = server.Close()
		<-served
	}
}

// requestLimit is the time that a request and its response have on the wire.
const requestLimit = 30 * time.Second

// serveSmall serves a request per connection. net/http's server would be a fiftieth of the
// command line, which has no other use for one: the callback's reader is our own.
func serveSmall(s *Server, listener net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // stopped
			}
			connections.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { conn.Close() })() // a browser opens some for later
				_ = conn.SetDeadline(time.Now().Add(requestLimit))
				serveOne(conn, s)
			})
		}
	})
	return func() {
		_ = listener.Close()
		cancel()
		connections.Wait()
	}
}

func serveOne(conn net.Conn, handler http.Handler) {
	r, err := http.ReadRequest(bufio.NewReader(io.LimitReader(conn, 1<<20)))
	if err != nil {
		return
	}
	w := &reply{header: http.Header{}}
	defer func() {
		if refused := recover(); refused != nil && refused != http.ErrAbortHandler {
			panic(refused)
		}
	}()
	handler.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK) // unless it said another
	back := http.Response{StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Close: true,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len())}
	_ = back.Write(conn) // who went away asked for nothing
}

// reply is an http.ResponseWriter that keeps everything until the handler is done.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *reply) Header() http.Header { return w.header }

func (w *reply) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *reply) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
