package session

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// SignOutOptions says how far a sign-out goes.
type SignOutOptions struct {
	Revoke         bool // tell the server too, best effort
	KeepClaudeCode bool // leave our part of Claude Code's entry
}

// Step says what became of one part of a sign-out.
type Step struct {
	Text   string
	Undone bool // a wish, like telling the server, that the sign-out does not hang on
}

// SignOut removes the active account's record and our part of Claude Code's entry,
// and nothing else in it. The steps say what became of each. What could not be
// removed is in the error; the rest is removed all the same.
func (e *Engine) SignOut(ctx context.Context, o SignOutOptions) (steps []Step, err error) {
	done := func(text string) { steps = append(steps, Step{Text: text}) }
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return nil, err
	}
	defer release()
	s, err := e.settings()
	if err != nil {
		return nil, err
	}
	account := s.account("")
	current, loadErr := e.load(ctx, s, account)
	if errors.Is(loadErr, keychain.ErrNotFound) {
		return []Step{{Text: "nobody is signed in; there is nothing to remove"}}, nil
	}
	if o.Revoke {
		steps = append(steps, e.revoke(ctx, current, loadErr))
	}
	var problems []error
	if !o.KeepClaudeCode {
		// A record that cannot be read still has its fingerprints in the journal.
		sentence, err := e.takeOut(ctx, account, current)
		if sentence != "" {
			done(sentence)
		}
		problems = append(problems, err)
	}
	e.dropSpilled(account)
	storeCtx, cancel := storeContext(ctx)
	defer cancel()
	if err := e.store(s).Delete(storeCtx, account); err != nil {
		problems = append(problems, storeError(e.store(s).Kind(), err))
	} else {
		done("the login was removed from the " + e.storeName(e.store(s).Kind()))
		problems = append(problems,
			e.changeSettings(func(s *settings) { s.remove(account) }),
			e.note(account, func(c *chain) { *c = chain{Known: c.Known, Dead: c.Dead} }))
	}
	if left, err := e.settings(); err == nil && left.Active != "" && left.Active != account {
		done("the active account is now " + left.Active)
	}
	if aside, err := e.displaced(ctx, s); err == nil {
		if len(aside.Inner) > 0 {
			done("the login that a mirror displaced is still kept: `keytender mirror --undo` puts it back")
		} else {
			problems = append(problems, e.forgetDisplaced(ctx, s))
		}
	}
	e.remember(Record{Account: account, What: "signed-out"})
	return steps, notRemoved(problems)
}

// notRemoved joins what went wrong into one error for people, or nil.
func notRemoved(problems []error) error {
	problems = slices.DeleteFunc(problems, func(err error) bool { return err == nil })
	if len(problems) == 0 {
		return nil
	}
	var messages []string
	hint := ""
	for _, err := range problems {
		messages = append(messages, err.Error())
		if known := (&Error{}); errors.As(err, &known) && hint == "" {
			hint = known.Hint
		}
	}
	return failed("not-removed", "not everything was removed: "+strings.Join(messages, "; "), hint, errors.Join(problems...))
}

func (e *Engine) revoke(ctx context.Context, c keychain.Credential, loadErr error) Step {
	if loadErr != nil {
		return Step{Text: "the server was not told: the login cannot be read (the token ends by itself)", Undone: true}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	token := c.Refresh
	if token.IsZero() {
		token = c.Access
	}
	if err := e.client.Revoke(ctx, token); err != nil {
		return Step{Text: "the server could not be told: " + err.Error() + " (the token ends by itself)", Undone: true}
	}
	return Step{Text: "the server was told to end the login"}
}

// takeOut removes our login from Claude Code's entry, when it is ours.
func (e *Engine) takeOut(ctx context.Context, account string, current keychain.Credential) (string, error) {
	if e.entryErr != nil || !e.entry.Installed() {
		return "", nil
	}
	j, err := e.journal()
	if err != nil {
		return "", err
	}
	l, err := e.entry.LockRenewal(ctx, entryWait)
	if err != nil {
		return "", entryError(err)
	}
	defer func() { _ = l.Release() }()
	sentence := ""
	_, err = e.entry.Update(ctx, func(now claudecode.Entry) (claudecode.Change, error) {
		switch e.relate(now, current, j.chainOf(account)) {
		case "absent", "signed-out":
			return claudecode.Change{}, nil
		case "other-login":
			sentence = "Claude Code's entry holds another login and was left alone"
			return claudecode.Change{}, nil
		}
		sentence = "our login was taken out of Claude Code's entry; nothing else in it was changed"
		return claudecode.Change{SignOut: true}, nil
	})
	if err != nil {
		return "", entryError(err)
	}
	return sentence, nil
}

// dropSpilled removes pairs of an account that lie outside the store.
func (e *Engine) dropSpilled(account string) {
	for _, path := range []string{e.spillPath(account), e.reservePath(account)} {
		_ = os.Remove(path)
	}
}
