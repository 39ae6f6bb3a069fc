package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
	"keytender/internal/shown"
	"keytender/tray/reminder"
)

func newAgent(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "agent",
		Short: "Do what the menu-bar app does, on a machine without a desktop",
		Long: "Renews the logins before they end, brings up every place that holds one, and tells before a login ends:\n" +
			"a line on stderr, and to the command that KEYTENDER_ON_NOTICE names, which gets one JSON object on stdin\n" +
			"(schemaVersion, kind, account, email, title, body, at, endsAt; kind is ending, ended, sign-in-again or\n" +
			"trouble). It goes on until it is told to end, or a later version has been at work. For a systemd user unit;\n" +
			"where it or the menu-bar app runs already there is nothing to do.",
		Example: "systemctl --user enable --now keytender\nKEYTENDER_ON_NOTICE='notify-phone --stdin' keytender agent",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			if err := engine.MayWrite(); err != nil {
				return err
			}
			state := c.config.Paths.State
			release, err := session.HoldAlone(state)
			switch {
			case err != nil:
				return &words.Error{Code: "storage", Exit: session.ExitTryLater,
					Message: "the state folder cannot be used: " + err.Error(),
					Hint:    "look at the permissions of " + state, Err: err}
			case release == nil:
				c.line(plain, "Agent: the menu-bar app or another agent is already running")
				return nil
			}
			defer release()
			a := &agent{console: c, engine: engine, memory: reminder.Load(state), changed: make(chan struct{}, 1)}
			return a.run(cmd.Context())
		},
	}
}

// agent tends the logins of a machine without a desktop.
type agent struct {
	*console
	engine  *session.Engine
	status  session.Status // as it was read last
	memory  reminder.Memory
	changed chan struct{} // for Tend
}

const (
	// agentLook is how often the agent looks at the clock, which stands still for timers
	// while a machine sleeps.
	agentLook = time.Minute
	// agentRead is how long it trusts what it read, when nobody tells of a change: reading may
	// ask a keychain.
	agentRead = 15 * time.Minute
)

func (a *agent) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changes, err := a.engine.Changes(ctx)
	if err != nil { // what others write is seen at the next look
		a.line(danger, "Changes: %s", words.Plain(err))
	}
	ended := make(chan struct{})
	go func() { defer close(ended); a.engine.Tend(ctx, a.changed) }()
	a.line(tick, "Agent: running; the logins are renewed, and their ends are told")
	look := time.NewTicker(agentLook)
	defer look.Stop()
	var read time.Time
	for {
		if now := time.Now().Round(0); changes == nil || now.Sub(read).Abs() >= agentRead {
			a.status, read = a.engine.Status(ctx), now
			words.Status(&a.status)
		}
		a.tell(ctx)
		if p := a.status.Problem; p != nil && p.Code == session.CodeLaterVersion {
			stop() // there is nothing left to do here, and who starts the later one is to have the lock
			<-ended
			return p.Err
		}
		select {
		case <-ctx.Done():
			<-ended // a renewal that was sent is stored first
			return ctx.Err()
		case _, open := <-changes:
			if !open {
				changes = nil
			}
			a.passOn()
			read = time.Time{}
		case <-look.C:
			if changes == nil {
				a.passOn()
			}
		}
	}
}

func (a *agent) passOn() {
	select {
	case a.changed <- struct{}{}:
	default: // it has yet to look at the last one
	}
}

// tell says what is due of each login. What was told is remembered, so that it is told once.
func (a *agent) tell(ctx context.Context) {
	now := time.Now().Round(0)
	told := a.memory
	for _, s := range reminder.Logins(a.status) {
		r, memory := reminder.Next(s, told, now)
		if r != nil {
			n := noticeOf(*r, s, now)
			a.line(danger, "%s: %s", n.Title, n.Body)
			if err := a.hand(ctx, n); err != nil {
				a.line(danger, "Notice: KEYTENDER_ON_NOTICE did not take it: %v", err)
			}
		}
		told = memory
	}
	if told.Equal(a.memory) {
		return
	}
	a.memory = told
	if err := reminder.Save(a.config.Paths.State, a.memory); err != nil {
		a.line(danger, "Notice: what was told could not be written down: %v", err)
	}
}

// notice is what KEYTENDER_ON_NOTICE gets. Nothing in it is secret.
type notice struct {
	_ [0]func() // nobody compares two

	SchemaVersion int           `json:"schemaVersion"`
	Kind          reminder.Kind `json:"kind"`
	Account       string        `json:"account"`
	Email         string        `json:"email"`
	Title         string        `json:"title"`
	Body          string        `json:"body"`
	At            time.Time     `json:"at"`
	EndsAt        *time.Time    `json:"endsAt"`
}

func noticeOf(r reminder.Reminder, s session.Status, at time.Time) notice {
	n := notice{SchemaVersion: 1, Kind: r.Kind, Account: s.Account, Email: s.Email, At: at.UTC().Truncate(time.Second),
		EndsAt: s.Login.ExpiresAt}
	whose := s.Email
	if whose == "" {
		whose = "the account " + s.Account
	}
	again := "sign in again with `keytender login --account " + s.Account + "`"
	switch r.Kind {
	case reminder.Ending:
		n.Title, n.Body = "The login ends in "+shown.Around(r.Left), whose+": "+again+" before that"
	case reminder.Ended:
		n.Title, n.Body = "The login has ended", whose+": "+again
	case reminder.SignInAgain:
		n.Title, n.Body = "The login cannot be renewed any more", whose+": "+again
	case reminder.Trouble:
		n.Title, n.Body = "Keytender needs you", s.Problem.Message+"; "+s.Problem.Hint
	}
	return n
}

// noticeLimit is how long the command of KEYTENDER_ON_NOTICE may take.
const noticeLimit = 10 * time.Second

// hand gives a notice to the person's own command. Its output is its own matter.
func (a *agent) hand(ctx context.Context, n notice) error {
	command := a.config.OnNotice
	if len(command) == 0 {
		return nil
	}
	encoded, err := json.Marshal(n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, noticeLimit)
	defer cancel()
	child := exec.CommandContext(ctx, command[0], command[1:]...)
	child.Stdin, child.Stdout, child.Stderr = bytes.NewReader(append(encoded, '\n')), os.Stderr, os.Stderr
	child.WaitDelay = time.Second
	return child.Run()
}
