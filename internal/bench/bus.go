package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// session starts a private bus with an unlocked keyring.
func (b *bench) session() (stop func(), err error) {
	config := fmt.Sprintf(`<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, b.dir)
	file := filepath.Join(b.dir, "bus.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	bus := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+file)
	keyring := exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets",
		"--control-directory="+filepath.Join(b.dir, "control"), "--unlock")
	keyring.Env, keyring.Stdin = b.env, strings.NewReader("bench")
	if err := bus.Start(); err != nil {
		return nil, err
	}
	time.Sleep(300 * time.Millisecond)
	if err := keyring.Start(); err != nil {
		_ = bus.Process.Kill()
		return nil, err
	}
	time.Sleep(700 * time.Millisecond)
	return func() {
		for _, p := range []*exec.Cmd{keyring, bus} {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	}, nil
}

// display starts an X server without a screen.
func (b *bench) display() (env string, stop func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	defer read.Close()
	// else it begins anew when a program leaves
	server := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset")
	server.ExtraFiles = []*os.File{write}
	err = server.Start()
	write.Close()
	if err != nil {
		return "", nil, err
	}
	stop = func() { _ = server.Process.Kill(); _ = server.Wait() }
	_ = read.SetReadDeadline(time.Now().Add(20 * time.Second))
	var number int
	if _, err := fmt.Fscan(read, &number); err != nil {
		stop()
		return "", nil, fmt.Errorf("the X server named no display: %w", err)
	}
	return fmt.Sprintf("DISPLAY=:%d", number), stop, nil
}
