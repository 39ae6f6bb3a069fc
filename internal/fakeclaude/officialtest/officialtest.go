// Package officialtest runs the real Claude Code client against the built-in server,
// for tests that want its word and not ours. The client's hosts are fixed, so a small
// proxy on loopback answers for them with certificates of a throw-away authority that
// only this client is told of. Nothing leaves the machine; the package installs
// nothing and skips the test where the client is not there.
package officialtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Variable names the program of Claude Code; the test guard lets it through.
const Variable = "KTTEST_CLAUDE"

// Client is the real client with a home of its own.
type Client struct {
	Home    string
	program string
	env     []string
}

// New prepares the client with this home; upstream is the built-in server's base URL, and
// env what is in its environment beside.
func New(t testing.TB, home, upstream string, env ...string) *Client {
	t.Helper()
	program := os.Getenv(Variable)
	if program == "" {
		t.Skip(Variable + " names no Claude Code: `make test` installs it")
	}
	proxy, file := Proxy(t, upstream)
	return &Client{Home: home, program: program, env: append([]string{
		"HOME=" + home, "USER=tester", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(),
		"HTTPS_PROXY=" + proxy, "HTTP_PROXY=" + proxy, "NODE_EXTRA_CA_CERTS=" + file, "SSL_CERT_FILE=" + file,
		"DISABLE_AUTOUPDATER=1", "DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "NO_COLOR=1", "CI=1",
	}, env...)}
}

// Proxy serves CONNECT for every host in upstream's name. It returns its URL and the
// file with the authority that its certificates are signed by.
func Proxy(t testing.TB, upstream string) (address, authorityFile string) {
	t.Helper()
	authority := newAuthority(t)
	file := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(file, authority.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return listen(t, authority, upstream), file
}

// Env is the client's environment.
func (c *Client) Env() []string { return append([]string{}, c.env...) }

// Program is the client's path.
func (c *Client) Program() string { return c.program }

// Run runs the client and returns what it printed. It is given time and is asked to
// end before it is killed: a hard end would leave its locks behind.
func (c *Client) Run(ctx context.Context, args ...string) (output string, err error) {
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env, cmd.Dir = c.env, c.Home
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// authority signs certificates for whatever host the client asks for.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte

	mu    sync.Mutex
	known map[string]*tls.Certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "made up for a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key: key, cert: cert, known: map[string]*tls.Certificate{},
		pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) certificate(host string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.known[host]; c != nil {
		return c, nil
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(len(a.known) + 2)),
		Subject:  pkix.Name{CommonName: host},
		DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	a.known[host] = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.key}
	return a.known[host], nil
}

// listen serves CONNECT for every host by answering in its place.
func listen(t testing.TB, a *authority, upstream string) (proxyURL string) {
	t.Helper()
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	inside := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1, Transport: &http.Transport{DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, a, inside)
		}
	}()
	return "http://" + l.Addr().String()
}

func serve(conn net.Conn, a *authority, inside http.Handler) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || request.Method != http.MethodConnect {
		_, _ = io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n\r\n")
		return
	}
	host, _, err := net.SplitHostPort(request.Host)
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	secure := tls.Server(conn, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate,
		error) {
		return a.certificate(host)
	}})
	one := &oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{}), addr: conn.LocalAddr()}
	one.conns <- secure
	// the client hangs up as it likes
	server := &http.Server{Handler: inside, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				one.once.Do(func() { close(one.done) })
			}
		}}
	_ = server.Serve(one)
}

// oneConn is a listener with one connection, which it outlives.
type oneConn struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	addr  net.Addr
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.addr }
