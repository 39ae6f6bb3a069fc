package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"keytender/internal/fakeclaude"
)

// signIn starts `keytender login` in this home and returns where its redirect is awaited.
func (b *bench) signIn(server *fakeclaude.Server, home, name string) (cmd *exec.Cmd, location string, err error) {
	home = filepath.Join(b.dir, home)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, "", err
	}
	cmd = exec.Command(b.keytender, "login", "--no-browser")
	cmd.Env = append(append(slices.Clone(b.env), "HOME="+home, "KEYTENDER_HOME="+filepath.Join(b.dir, name),
		"KEYTENDER_STORE=file", "KEYTENDER_PORT=28765"), server.Env()...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	link := make(chan string, 1)
	go func() {
		var said bytes.Buffer
		buffer := make([]byte, 4096)
		for sent := false; ; {
			n, err := stderr.Read(buffer)
			said.Write(buffer[:n])
			if found := regexp.MustCompile(`Sign in: (\S+)\n`).FindSubmatch(said.Bytes()); found != nil && !sent {
				link <- string(found[1])
				sent = true
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case url := <-link:
		location, err = fakeclaude.Approve(context.Background(), url)
		return cmd, location, err
	case <-time.After(10 * time.Second):
		return nil, "", errors.New("keytender login printed no link")
	}
}

// follow sends the redirect and returns how long the 303 took, which comes when all
// is stored and mirrored.
func follow(location string) (time.Duration, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout: 20 * time.Second}
	begin := time.Now()
	r, err := client.Get(location)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	r.Body.Close()
	if r.StatusCode != http.StatusSeeOther {
		return 0, fmt.Errorf("the response to the redirect was %d", r.StatusCode)
	}
	done, err := client.Get("http://" + r.Request.URL.Host + r.Header.Get("Location"))
	if err == nil {
		_, _ = io.Copy(io.Discard, done.Body)
		done.Body.Close()
	}
	return took, err
}

func (b *bench) redirect() error {
	server, err := fakeclaude.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	const delay = 100 * time.Millisecond
	server.Set(func(s *fakeclaude.Behaviour) {
		s.Faults = []fakeclaude.Fault{(fakeclaude.Fault{Delay: delay}).For("exchange").Repeat(fakeclaude.Forever)}
	})
	// A person's first sign-in, and one where Claude Code has a login that is set aside.
	for _, what := range []string{"", ", over another login"} {
		var times []time.Duration
		for i := range 7 {
			name := fmt.Sprint("redirect", len(what), "-", i)
			home := "home"
			if what == "" {
				home = name + "-home"
			}
			cmd, location, err := b.signIn(server, home, name)
			if err != nil {
				return err
			}
			took, err := follow(location)
			if err = errors.Join(err, cmd.Wait()); err != nil {
				return err
			}
			times = append(times, took-delay)
		}
		took := median(times)
		b.add("redirect received → stored and mirrored"+what, "token endpoint's time + 10 ms",
			fmt.Sprintf("+ %.1f ms", milliseconds(took)), took <= 10*time.Millisecond)
	}
	return nil
}

func (b *bench) flood() error {
	server, err := fakeclaude.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	cmd, location, err := b.signIn(server, "flood-home", "flood")
	if err != nil {
		return err
	}
	wrong, _, _ := strings.Cut(location, "?")
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	work := make(chan struct{}, 10_000)
	for range cap(work) {
		work <- struct{}{}
	}
	close(work)
	var wg sync.WaitGroup
	started := make(chan struct{})
	var once sync.Once
	for range 32 {
		wg.Go(func() {
			for range work {
				if r, err := client.Get(wrong + "?code=FAKE&state=wrong"); err == nil {
					r.Body.Close()
				}
				if len(work) < 9_000 {
					once.Do(func() { close(started) })
				}
			}
		})
	}
	<-started
	took, err := follow(location)
	left := len(work)
	for range work { // the rest need not be sent
	}
	wg.Wait()
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return err
	}
	b.add("right redirect during a 10,000-request flood", "under 100 ms",
		fmt.Sprintf("%.1f ms (%d requests still to come)", milliseconds(took), left), took < 100*time.Millisecond)
	return nil
}
