package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

// traced runs the program under strace and returns the addresses that it or a child
// of it made a connection or sent a packet to. Sockets within the machine that have a
// name, a desktop's bus say, do not count.
func (r *rig) traced(stdin string, args ...string) (exit int, addresses []string) {
	r.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		r.Skip("strace is not installed, so there is no trace of the connections to look at")
	}
	trace := filepath.Join(r.TempDir(), "trace")
	cmd := exec.Command(strace, append([]string{"-f", "-qq", "-e", "trace=socket,connect,sendto,sendmsg", "-o", trace,
		r.program}, args...)...)
	cmd.Env, cmd.Dir, cmd.Stdin = r.env, r.dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		r.Fatal(err)
	}
	text, err := os.ReadFile(trace)
	if err != nil || strings.Contains(string(out), "ptrace") &&
		strings.Contains(string(out), "Operation not permitted") {
		r.Skipf("strace may not trace here: %s", out)
	}
	return cmd.ProcessState.ExitCode(), addressesIn(string(text))
}

var (
	reached = regexp.MustCompile(
		`sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")`)
	opened = regexp.MustCompile(`socket\((AF_[A-Z0-9]+)`)
)

// addressesIn lists where a trace leads; a socket of the internet families that leads
// nowhere is listed as its family.
func addressesIn(trace string) []string {
	var all []string
	for line := range strings.Lines(trace) {
		if to := reached.FindStringSubmatch(line); to != nil {
			all = append(all, net.JoinHostPort(to[2]+to[3], to[1]))
		} else if family := opened.FindStringSubmatch(line); family != nil && strings.HasPrefix(family[1], "AF_INET") {
			all = append(all, family[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reached is traced without the sockets that lead nowhere.
func (r *rig) reached(args ...string) (exit int, addresses []string) {
	r.Helper()
	exit, addresses = r.traced("", args...)
	return exit, slices.DeleteFunc(addresses, func(a string) bool { return strings.HasPrefix(a, "AF_") })
}

// What only reads or writes on this machine opens no socket of the internet at all.
func TestNoConnectionWithoutNeed(t *testing.T) {
	r := newRig(t)
	if exit := r.login("browser"); exit != 0 {
		t.Fatalf("login: exit %d\n%v", exit, r.said)
	}
	access, refresh := r.server.Issue("a@example.com")
	pair := fmt.Sprintf(
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:inference"]}}`, access,
		refresh, time.Now().Add(-time.Hour).UnixMilli())
	for _, line := range []string{
		"token", "status", "status --json", "history", "history --json", "accounts", "mirror --dry-run", "mirror",
		"mirror --undo", "mirror",
		"refresh", "switch a", "import claude-code --account other", "import - --account third", "version", "help",
	} {
		exit, addresses := r.traced(pair, strings.Fields(line)...)
		if exit != 0 || len(addresses) > 0 {
			t.Errorf("%s: exit %d, opened %v", line, exit, addresses)
		}
	}
}

// A sign-in and a renewal reach the servers that are set, and nobody else.
func TestOnlyTheSetHostsAreContacted(t *testing.T) {
	r := newRig(t)
	server := strings.TrimPrefix(r.server.URL(), "http://")
	api, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	r.env = append(r.env, "KEYTENDER_API_URL="+api.APIURL())
	apiAddress := strings.TrimPrefix(api.URL(), "http://")

	r.seed(-5)
	if exit, addresses := r.reached("token"); exit != 0 || !slices.Equal(addresses, []string{server}) {
		t.Errorf("renewal: exit %d, reached %v, want %s", exit, addresses, server)
	}
	// With --browser-command the browser is traced too: it reaches the sign-in page and
	// our own port, which the fixed --port names.
	port := testguard.FreePort(t)
	exit, addresses := r.reached("login", "--port", port, "--browser-command", filepath.Join(r.dir, "browser"))
	want := []string{server, apiAddress, "127.0.0.1:" + port, "[::1]:" + port}
	for _, address := range addresses {
		if !slices.Contains(want, address) {
			t.Errorf("the sign-in reached %s", address)
		}
	}
	if exit != 0 || !slices.Contains(addresses, server) || !slices.Contains(addresses, apiAddress) {
		t.Errorf("sign-in: exit %d, reached %v", exit, addresses)
	}
	if exit, addresses := r.reached("logout", "--yes", "--revoke"); exit != 0 ||
		!slices.Equal(addresses, []string{server}) {
		t.Errorf("revocation: exit %d, reached %v, want %s", exit, addresses, server)
	}
}

// overTLS serves the same server with a certificate that nobody signed, for
// example.com and 127.0.0.1, and returns the file that would make it trusted.
func overTLS(t *testing.T, server http.Handler, settings *tls.Config) (s *httptest.Server, trust string) {
	t.Helper()
	s = httptest.NewUnstartedServer(server)
	s.TLS = settings
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	trust = filepath.Join(t.TempDir(), "trusted.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(trust, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, trust
}

// otherRoot is a file with a certificate that vouches for none of our servers.
func otherRoot(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLSFailsClosed(t *testing.T) {
	for _, tc := range []struct {
		name     string
		host     string // stands in the URL
		trusted  bool
		settings *tls.Config
		exit     int
	}{
		{"trusted", "127.0.0.1", true, nil, 0}, // or every other row would prove nothing
		{"not trusted", "127.0.0.1", false, nil, 5},
		{"another name", "localhost", true, nil, 5},
		{"old protocol", "127.0.0.1", true, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			server, trust := overTLS(t, r.server, tc.settings)
			_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
			base := "https://" + net.JoinHostPort(tc.host, port)
			r.env = append(r.env, "ANTHROPIC_TOKEN_URL="+base+"/v1/oauth/token", "KEYTENDER_API_URL="+base)
			if tc.trusted {
				r.env = append(r.env, "SSL_CERT_FILE="+trust)
			} else {
				r.env = append(r.env, "SSL_CERT_FILE="+otherRoot(t), "SSL_CERT_DIR="+t.TempDir())
			}
			exit := r.login("browser")
			_, err := os.Stat(filepath.Join(r.home, "kt", "credentials.json"))
			if exit != tc.exit || (err == nil) != (exit == 0) || (r.server.Count("exchange") > 0) != (exit == 0) {
				t.Errorf("login: exit %d, want %d; stored: %v; %d exchanges\n%v", exit, tc.exit, err == nil,
					r.server.Count("exchange"), r.said)
			}
			r.seed(-5)
			before, _ := os.ReadFile(filepath.Join(r.home, "kt", "credentials.json"))
			exit, token := r.run("token")
			after, _ := os.ReadFile(filepath.Join(r.home, "kt", "credentials.json"))
			if exit != tc.exit || (token != "") != (exit == 0) || (string(after) == string(before)) != (exit != 0) ||
				(r.server.Count("renew") > 0) != (exit == 0) {
				t.Errorf("token: exit %d, want %d, printed %v, %d renewals\n%v", exit, tc.exit, token != "",
					r.server.Count("renew"), r.said)
			}
			r.sweep()
		})
	}
}

// stranger is a server that nothing may be sent to; it counts what comes.
type stranger struct {
	*httptest.Server
	mu   sync.Mutex
	came []string
}

func newStranger(t *testing.T, respond http.HandlerFunc) *stranger {
	t.Helper()
	s := &stranger{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		s.mu.Lock()
		s.came = append(s.came, q.Method+" "+q.RequestURI)
		s.mu.Unlock()
		respond(w, q)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stranger) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.came)
}

func TestRedirectsAreRefused(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			other := newStranger(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
			away := fakeclaude.Fault{Status: status, Header: map[string]string{"Location": other.URL + "/token"}}
			r.fault(away.For("exchange"), away.For("profile"), away.For("renew"), away.For("models"),
				away.For("revoke"))
			if exit := r.login("browser"); exit != 5 {
				t.Errorf("login: exit %d, want 5", exit)
			}
			r.login("browser") // and the profile leads away
			r.run("status", "--check")
			r.run("logout", "--yes", "--revoke")
			r.seed(-5)
			if exit, _ := r.run("token"); exit != 5 {
				t.Errorf("token: exit %d, want 5", exit)
			}
			if came := other.requests(); len(came) > 0 {
				t.Errorf("the redirect was followed: %v", came)
			}
			if left := r.server.Behaviour().Faults; len(left) > 0 {
				t.Errorf("not every redirect was met: %v", left)
			}
			r.sweep()
		})
	}
}

// A proxy sees the names of the hosts that are set, and nothing inside; this machine
// itself is never asked for through it.
func TestProxy(t *testing.T) {
	r := newRig(t)
	server, trust := overTLS(t, r.server, nil)
	var connections sync.WaitGroup
	t.Cleanup(connections.Wait)
	proxy := newStranger(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Method != http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		there, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		// By hand: what a handler wrote before taking the connection over may still be
		// in its buffer.
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			there.Close()
			return
		}
		if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			here.Close()
			there.Close()
			return
		}
		connections.Go(func() { _, _ = io.Copy(there, here); there.Close() })
		connections.Go(func() { _, _ = io.Copy(here, there); here.Close() })
	})
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"} {
		r.env = append(r.env, name+"="+proxy.URL)
	}
	if exit := r.login("browser"); exit != 0 {
		t.Fatalf("login: exit %d\n%v", exit, r.said)
	}
	r.run("refresh", "--force")
	if came := proxy.requests(); len(came) > 0 || r.server.Count("renew") != 1 {
		t.Errorf("asked the proxy for this machine: %v", came)
	}
	r.env = append(r.env, "ANTHROPIC_TOKEN_URL=https://example.com/v1/oauth/token",
		"KEYTENDER_API_URL=https://example.com", "SSL_CERT_FILE="+trust)
	if exit := r.login("browser"); exit != 0 {
		t.Fatalf("login over the proxy: exit %d\n%v", exit, r.said)
	}
	if came := proxy.requests(); !slices.Equal(came, []string{"CONNECT example.com:443", "CONNECT example.com:443"}) {
		t.Errorf("asked the proxy for %v, want example.com:443 for the exchange and the profile", came)
	}
	// Where the variables are not set, the keys of config.toml say the same.
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE"} {
		r.env = append(r.env, name+"=")
	}
	keys := fmt.Sprintf("https_proxy = %q\nssl_cert_file = %q\n", proxy.URL, trust)
	file := filepath.Join(r.home, "kt", "config.toml")
	if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(proxy.requests())
	if exit := r.login("browser"); exit != 0 || len(proxy.requests()) != before+2 {
		t.Errorf("login with the proxy in config.toml: exit %d, asked it for %v", exit, proxy.requests()[before:])
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	// A proxy that puts itself in the server's place is not believed.
	r.env = append(r.env, "HTTPS_PROXY="+proxy.URL)
	r.env = append(r.env, "SSL_CERT_FILE="+otherRoot(t), "SSL_CERT_DIR="+t.TempDir())
	exchanges := r.server.Count("exchange")
	if exit := r.login("browser"); exit != 5 || r.server.Count("exchange") != exchanges {
		t.Errorf("login over a proxy that nobody vouches for: exit %d, %d exchanges", exit,
			r.server.Count("exchange")-exchanges)
	}
	r.sweep()
}
