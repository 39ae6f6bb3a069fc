package callback

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"keytender/internal/testguard"
)

// A machine that has one stack alone, made of a network namespace of our own: with its
// kernel, its resolver and its errors, not with made-up ones.
func TestMachinesWithOneStack(t *testing.T) {
	if machine := os.Getenv("KTTEST_MACHINE"); machine != "" {
		onMachine(t, machine)
		return
	}
	for _, machine := range []string{"v4 alone", "v6 alone", "both"} {
		t.Run(machine, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestMachinesWithOneStack$", "-test.v")
			cmd.Env = append(os.Environ(), "KTTEST_MACHINE="+machine)
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
			if os.Getuid() != 0 {
				cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
				cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
				cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
			}
			out, err := cmd.CombinedOutput()
			switch {
			case cmd.ProcessState == nil:
				t.Skipf("this system allows no network namespace: %v", err)
			case strings.Contains(string(out), "--- SKIP"):
				t.Skipf("%s", out)
			case err != nil || !strings.Contains(string(out), "--- PASS"):
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// onMachine runs in a namespace whose loopback is still down.
func onMachine(t *testing.T, machine string) {
	if machine == "v4 alone" {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", []byte("1"), 0); err != nil {
			t.Skip(err)
		}
	}
	if err := testguard.RaiseLoopback(); err != nil {
		t.Skip(err)
	}
	if machine == "v6 alone" {
		if err := forgetV4(); err != nil {
			t.Skip(err)
		}
	}
	want := map[string]string{"v4 alone": "127.0.0.1", "v6 alone": "::1", "both": "127.0.0.1 ::1"}[machine]
	for _, c := range []Config{{State: testState}, {State: testState, Port: 8765, Exact: true}} {
		s, err := Listen(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if got := hosts(s); got != want {
			t.Errorf("listening on %s, want %s", got, want)
		}
		go func() {
			<-s.Redirects()
			s.Finish(Outcome{Kind: SignedIn, Email: "a@example.com"})
		}()
		// By the name, as a browser goes there. Its addresses are not asked of a resolver,
		// which a namespace may not have.
		ctx, cancel := context.WithTimeout(t.Context(), testguard.Patience)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				_, port, _ := net.SplitHostPort(address)
				var d net.Dialer
				if conn, err := d.DialContext(ctx, "tcp6", "[::1]:"+port); err == nil {
					return conn, nil
				}
				return d.DialContext(ctx, "tcp4", "127.0.0.1:"+port)
			}}}
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://localhost:%d%s", s.Port(), right),
			nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(page), "Signed in as a@example.com") {
			t.Errorf("the page: %v\n%s", err, page)
		}
		cancel()
		s.Close()
	}

	// Somebody else on the one stack there is.
	occupy(t, "tcp", strings.Fields(want)[0], 8765)
	if s, err := Listen(t.Context(), Config{State: testState, Port: 8765, Exact: true}); err == nil {
		s.Close()
		t.Error("a port that is taken was had")
	}
	s, err := Listen(t.Context(), Config{State: testState, Port: 8765})
	if err != nil {
		t.Fatal(err)
	}
	if got := hosts(s); got != want || s.Port() == 8765 {
		t.Errorf("listening on %s, port %d", got, s.Port())
	}
	s.Close()
}

type ifreq struct {
	name    [syscall.IFNAMSIZ]byte
	address syscall.RawSockaddrInet4
	_       [8]byte
}

// forgetV4 takes 127.0.0.1 away.
func forgetV4() error {
	q := ifreq{address: syscall.RawSockaddrInet4{Family: syscall.AF_INET}}
	copy(q.name[:], "lo")
	return control(syscall.SIOCSIFADDR, unsafe.Pointer(&q))
}

func control(call uintptr, argument unsafe.Pointer) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), call, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
