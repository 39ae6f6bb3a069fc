package oauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"keytender/internal/address"
	"keytender/internal/secret"
)

const (
	maxResponse    = 1 << 20
	defaultTimeout = 30 * time.Second
)

// request is one call before it is sent.
type request struct {
	secret.Hidden
	method, url string
	header      http.Header
	body        []byte          // nil: none
	timeout     time.Duration   // 0: the client's
	subject     string          // what a refusal is about, for the error's text
	secrets     []secret.String // what the response might repeat
}

// response is what came back, read as far as it goes.
type response struct {
	secret.Hidden
	status int
	header http.Header
	body   []byte
	sent   bool
	cut    error // why the body ended early; nil: it is whole
}

// send sends the request once and logs that it did, without anything that went with it.
func (c *Client) send(ctx context.Context, r request) (response, error) {
	began, sent := time.Now(), c.now()
	a, err := c.sendOnce(ctx, r)
	if server, bad := http.ParseTime(a.header.Get("Date")); c.Dated != nil && bad == nil {
		c.Dated(server, sent)
	}
	if target, bad := url.Parse(r.url); c.Log != nil && bad == nil {
		outcome := http.StatusText(a.status)
		if err != nil {
			outcome = err.Error()
		}
		c.Log.Debug("called", "method", r.method, "host", target.Host, "path", target.Path, "status", a.status,
			"outcome", outcome, "took", time.Since(began).Round(time.Millisecond))
	}
	return a, err
}

// sendOnce: a 307 would make a client repeat the body at
// another origin, a kept connection or HTTP/2 would make a transport repeat it
// after a reset: so the transport is used without a client, is new for each call,
// speaks HTTP/1.1, and gets a body that can be read once.
func (c *Client) sendOnce(ctx context.Context, r request) (response, error) {
	failed := func(kind Kind, sent bool, err error) (response, error) {
		return response{}, &Error{Kind: kind, Sent: sent, Err: err, subject: r.subject}
	}
	target, err := address.Parse(r.url)
	if err != nil {
		return failed(Misconfigured, false, fmt.Errorf("the server's URL is unusable: %w", err))
	}
	timeout := c.limit(r.timeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	deadline, _ := ctx.Deadline() // the caller's, when that is sooner
	allowed := time.Until(deadline).Round(10 * time.Millisecond)
	broken := func(err error, sent bool) error {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return &trouble{describe(err, target.Hostname(), allowed, sent), err}
	}

	out := &outgoing{rest: bytes.NewReader(r.body)}
	out.look, _ = ctx.Value(lookKey{}).(func() error)
	if r.body == nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { out.mark() },
		})
	}
	req := &http.Request{Method: r.method, URL: target, Host: target.Host, Header: r.header}
	if r.body != nil {
		req.Body, req.ContentLength = out, int64(len(r.body))
	}
	req.Header.Set("User-Agent", c.agent())
	req.Header.Set("Accept", "application/json")

	transport := c.transport(timeout)
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		sent := out.seal()
		return failed(Unavailable, sent, broken(err, sent))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	a := response{status: res.StatusCode, header: res.Header, body: body}
	switch {
	case err != nil:
		a.cut = broken(err, true)
	case len(body) > maxResponse:
		a.body, a.cut = body[:maxResponse], errTooBig
	case res.ContentLength < 0 && res.TransferEncoding == nil && !res.Uncompressed && isCut(res.StatusCode, body):
		a.cut = broken(io.ErrUnexpectedEOF, true)
	}
	a.sent = out.seal()
	return a, nil
}

type lookKey struct{}

// LookingLast has the calls below ctx call look when the connection stands and nothing of the
// body has left: making one may have taken as long as a laptop sleeps. Where it returns an error
// nothing is sent.
func LookingLast(ctx context.Context, look func() error) context.Context {
	return context.WithValue(ctx, lookKey{}, look)
}

// limit is how long a call may take that asks for timeout.
func (c *Client) limit(timeout time.Duration) time.Duration {
	most := c.timeout
	if most <= 0 {
		most = defaultTimeout
	}
	if timeout > 0 {
		return min(timeout, most)
	}
	return most
}

var errTooBig = errors.New("the response is larger than 1 MiB")

// transport is made for one call, so that there is no connection to reuse.
func (c *Client) transport(timeout time.Duration) *http.Transport {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy: func(req *http.Request) (*url.URL, error) {
			if address.Loopback(req.URL.Hostname()) {
				return nil, nil
			}
			return http.ProxyFromEnvironment(req)
		},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
			if res.StatusCode != http.StatusOK {
				return proxyRefusal(res.StatusCode)
			}
			return nil
		},
		Protocols:              &http1,
		DisableKeepAlives:      true,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.rootCAs},
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// outgoing is a body that can be read once and knows whether it was. The transport
// may still be writing when the response is already here; after seal nothing more
// leaves, so that what seal returned stays true.
type outgoing struct {
	secret.Hidden
	look   func() error // before anything leaves; nil: nobody looks
	mu     sync.Mutex
	rest   io.Reader
	left   bool
	sealed bool
}

func (o *outgoing) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed {
		return 0, errors.New("the call is over")
	}
	if o.look != nil && !o.left {
		if err := o.look(); err != nil {
			o.sealed = true
			return 0, err
		}
	}
	o.left = true
	return o.rest.Read(p)
}

func (o *outgoing) Close() error { return nil }

func (o *outgoing) mark() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left = true
}

func (o *outgoing) seal() (left bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = true
	return o.left
}

// trouble says in our words what went wrong beneath. The words of the standard
// library quote servers and URLs, so they can be tested for but are not shown.
type trouble struct {
	words string
	err   error
}

func (t *trouble) Error() string { return t.words }
func (t *trouble) Unwrap() error { return t.err }

type proxyRefusal int

func (p proxyRefusal) Error() string { return fmt.Sprintf("the proxy responded with HTTP %d", int(p)) }

func describe(err error, host string, allowed time.Duration, sent bool) string {
	var (
		dns    *net.DNSError
		op     *net.OpError
		proxy  proxyRefusal
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
		date   x509.CertificateInvalidError
	)
	isOp := errors.As(err, &op)
	switch {
	case errors.Is(err, context.Canceled):
		return "it was cancelled"
	case isTimeout(err):
		if sent {
			return fmt.Sprintf("nothing more came within %v", allowed)
		}
		return fmt.Sprintf("%s could not be reached within %v", host, allowed)
	case errors.As(err, &proxy):
		return proxy.Error()
	case isOp && op.Op == "proxyconnect":
		return "the proxy cannot be reached"
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s cannot be resolved", host)
	case errors.As(err, &date) && date.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %s is out of date, or this computer's clock is wrong", host)
	case errors.As(err, &cert):
		return fmt.Sprintf("the certificate of %s is not trusted", host)
	case errors.As(err, &record):
		return fmt.Sprintf("%s does not speak TLS", host)
	case isOp && op.Op == "dial":
		return fmt.Sprintf("%s does not accept connections", host)
	case sent:
		return "the connection broke"
	default:
		return fmt.Sprintf("no connection to %s could be made", host)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
