package callback

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// occupy listens on a port of one stack, as a stranger would.
func occupy(t *testing.T, network, host string, port int) int {
	t.Helper()
	l, err := net.Listen(network, net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		t.Skipf("this machine has no %s: %v", host, err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func hosts(s *Server) string {
	var all []string
	for _, l := range s.listeners {
		host, port, _ := net.SplitHostPort(l.Addr().String())
		if port != fmt.Sprint(s.Port()) {
			host += " on another port"
		}
		all = append(all, host)
	}
	return strings.Join(all, " ")
}

func TestListensOnLoopbackAlone(t *testing.T) {
	s := start(t, Config{})
	switch got := hosts(s); got {
	case "127.0.0.1 ::1":
	case "127.0.0.1", "::1":
		t.Logf("this machine has %s alone", got)
	default:
		t.Errorf("listening on %s", got)
	}
	if want := fmt.Sprintf("http://localhost:%d/callback", s.Port()); s.RedirectURI() != want {
		t.Errorf("redirect URI %q, want %q", s.RedirectURI(), want)
	}
}

func TestFirstChoiceOfPort(t *testing.T) {
	free := start(t, Config{})
	port := free.Port()
	free.Close()
	if s := start(t, Config{Port: port}); s.Port() != port {
		t.Errorf("port %d, want the free first choice %d", s.Port(), port)
	}
}

// A stranger on either stack, or on every address, spoils the port.
func TestTakenPort(t *testing.T) {
	for _, tc := range []struct{ name, network, host string }{
		{"v4", "tcp4", "127.0.0.1"}, {"v6 alone", "tcp6", "::1"}, {"any v4", "tcp4", "0.0.0.0"}, {"any", "tcp", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if runtime.GOOS != "linux" && tc.host != "127.0.0.1" && tc.host != "::1" {
				t.Skip("this system lets an address be taken from under a wildcard")
			}
			port := occupy(t, tc.network, tc.host, 0)
			s := start(t, Config{Port: port})
			if usual := hosts(start(t, Config{})); s.Port() == port || hosts(s) != usual {
				t.Errorf("listening on %s, port %d; usually on %s", hosts(s), s.Port(), usual)
			}

			_, err := Listen(context.Background(), Config{Port: port, Exact: true, State: testState})
			var taken *PortError
			if !errors.Is(err, ErrPortTaken) || !errors.As(err, &taken) || taken.Port != port {
				t.Fatalf("error %v, want a PortError", err)
			}
			if runtime.GOOS == "linux" {
				if pid := fmt.Sprintf("(pid %d)", os.Getpid()); !strings.Contains(taken.Holder, pid) ||
					!strings.Contains(err.Error(), pid) {
					t.Errorf("holder %q, want %s", taken.Holder, pid)
				}
			}
			// Nothing may be left of the failed try on the stack that was free.
			if l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); tc.name == "v6 alone" && err != nil {
				t.Errorf("127.0.0.1 is still held: %v", err)
			} else if err == nil {
				l.Close()
			}
		})
	}
}

func TestPortErrorText(t *testing.T) {
	if got := (&PortError{Port: 8765}).Error(); got != "port 8765 is taken by another program" {
		t.Error(got)
	}
	if got := (&PortError{Port: 8765, Holder: "node (pid 12)"}).Error(); got != "port 8765 is taken by node (pid 12)" {
		t.Error(got)
	}
}

// What listening says in POSIX's numbers or, on Windows, in Winsock's.
var notHere, noFamily, inUse = syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EADDRINUSE

func init() {
	if runtime.GOOS == "windows" {
		notHere, noFamily, inUse = 10049, 10047, 10048
	}
}

// machine is a listenFunc of a machine on which some stacks fail.
func machine(fail map[string]error) listenFunc {
	return func(ctx context.Context, network, address string) (net.Listener, error) {
		if err := fail[network]; err != nil {
			return nil, &net.OpError{Op: "listen", Net: network, Err: os.NewSyscallError("bind", err)}
		}
		return listenLoopback(ctx, network, address)
	}
}

func TestMissingStacks(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail map[string]error
		want string
		err  error
	}{
		{"no ::1", map[string]error{"tcp6": notHere}, "127.0.0.1", nil},
		{"no IPv6 at all", map[string]error{"tcp6": noFamily}, "127.0.0.1", nil},
		{"no 127.0.0.1", map[string]error{"tcp4": notHere}, "::1", nil},
		{"no IPv4 at all", map[string]error{"tcp4": noFamily}, "::1", nil},
		{"neither", map[string]error{"tcp4": notHere, "tcp6": notHere}, "",
			errors.New("this machine has no loopback address")},
		{"::1 always taken", map[string]error{"tcp6": inUse}, "", inUse},
		{"not allowed", map[string]error{"tcp4": syscall.EACCES, "tcp6": syscall.EACCES}, "", fs.ErrPermission},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.want != "" {
				occupy(t, "tcp", tc.want, 0) // skips where the machine itself lacks the stack
			}
			for _, exact := range []bool{false, true} {
				s, err := listen(context.Background(), machine(tc.fail), Config{State: testState, Exact: exact})
				if tc.err != nil {
					if err == nil {
						s.Close()
						t.Fatal("no error")
					}
					if exact && errors.Is(tc.err, inUse) {
						tc.err = ErrPortTaken
					}
					if !errors.Is(err, tc.err) && !strings.Contains(err.Error(), tc.err.Error()) {
						t.Errorf("error %v, want %v", err, tc.err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := hosts(s); got != tc.want {
					t.Errorf("listening on %s, want %s", got, tc.want)
				}
				s.Close()
			}
		})
	}
}

// The port that the system picked on one stack may be taken on the other.
func TestBadLuckWithAFreePort(t *testing.T) {
	tries := 0
	unlucky := func(ctx context.Context, network, address string) (net.Listener, error) {
		if network == "tcp6" {
			if tries++; tries <= 3 {
				return nil, os.NewSyscallError("bind", inUse)
			}
		}
		return listenLoopback(ctx, network, address)
	}
	s, err := listen(context.Background(), unlucky, Config{State: testState, Port: 0})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if tries < 4 {
		t.Errorf("%d tries, want 4", tries)
	}
}

func TestUnusableConfig(t *testing.T) {
	for _, c := range []Config{{}, {Port: -1, State: "s"}, {Port: 65536, State: "s"},
		{Port: 65536, State: "s", Exact: true}} {
		if s, err := Listen(context.Background(), c); err == nil {
			s.Close()
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestOutOfDescriptorsIsSurvived(t *testing.T) {
	first := true
	failing := func(ctx context.Context, network, address string) (net.Listener, error) {
		l, err := listenLoopback(ctx, network, address)
		if err == nil && first {
			first = false
			return &exhausted{Listener: l}, nil
		}
		return l, err
	}
	s, err := listen(context.Background(), failing, Config{State: testState})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, _ := parse(t, send(t, s.address(0), s.get("/")), "GET"); r.StatusCode != 404 {
		t.Errorf("status %d", r.StatusCode)
	}
}

// exhausted fails three times before it accepts.
type exhausted struct {
	net.Listener
	failed int
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.failed++; l.failed <= 3 {
		return nil, syscall.EMFILE
	}
	return l.Listener.Accept()
}

func TestSecondSignInGetsItsOwnPort(t *testing.T) {
	a := start(t, Config{})
	b := start(t, Config{Port: a.Port(), State: "otherFAKE"})
	if a.Port() == b.Port() {
		t.Fatal("two servers on one port")
	}
	// A tab of the one that ends up at the other changes nothing there.
	if r, _ := parse(t, send(t, b.address(0), b.get(right)), "GET"); r.StatusCode != 400 {
		t.Errorf("status %d", r.StatusCode)
	}
	b.expectNoRedirect(t)
}
