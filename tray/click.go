package tray

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"keytender/callback"
	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
)

// What the lines below the login's own do.

// copyText puts a text on the clipboard and says so, or what else to do.
func (a *app) copyText(text string, done, failed notify.Notice) {
	a.quick.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, clickWait)
		defer cancel()
		err := a.options.copy(ctx, text)
		a.queue.post(func() {
			if err != nil {
				done = failed
			}
			a.tell(done)
		})
	})
}

// copyLink is for another browser than the one that opened.
func (a *app) copyLink(link string) {
	w := a.words
	a.copyText(link, notify.Notice{Title: w.DoneLinkCopied, Body: w.DoneLinkBody},
		notify.Notice{Title: w.NoClipboard, Body: fmt.Sprintf(w.NoClipboardBody, link)})
}

func (a *app) copyDiagnosis() {
	w := a.words
	a.quick.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, diagnoseWait)
		defer cancel()
		text := a.engine.Diagnosis(ctx)
		a.queue.post(func() {
			a.copyText(text, notify.Notice{Title: w.DoneDiagnosis, Body: w.DoneDiagnosisBody},
				notify.Notice{Title: w.CopyFailed, Body: w.NoClipboardCommand})
		})
	})
}

// copyToken puts the token on the clipboard, and takes it off again after a while or
// when the app ends, if nothing else has been copied since.
func (a *app) copyToken() {
	w := a.words
	a.patient.Go(func() {
		clearIt, err := a.options.CopyToken(session.Patient(a.ctx))
		a.queue.post(func() {
			known := &session.Error{}
			switch {
			case errors.As(err, &known):
				a.fail(w.CopyFailed, err)
			case err != nil:
				a.tell(notify.Notice{Title: w.CopyFailed, Body: w.NoClipboardCommand})
			default:
				a.tell(notify.Notice{Title: w.DoneToken, Body: w.DoneTokenBody})
			}
		})
		if clearIt == nil {
			return
		}
		timer := time.NewTimer(tokenLife)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-a.ctx.Done():
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), clearWait)
		defer cancel()
		if err := clearIt(ctx); err != nil {
			a.log.Warn("the clipboard could not be cleared", "error", err)
		}
	})
}

func (a *app) switchTo(account string) {
	if account == a.status.Account {
		return
	}
	label := menu.Label(a.status, account)
	a.activity = menu.Activity{Switching: true}
	a.quick.Go(func() {
		_, err := a.engine.Switch(session.Patient(a.ctx), account)
		a.queue.post(func() {
			a.ended(a.words.SwitchFailed, err)
			if err == nil {
				a.tell(notify.Notice{Title: fmt.Sprintf(a.words.DoneSwitched, label)})
			}
		})
	})
}

// unlock asks the keychain as somebody does who is there to answer its dialog.
func (a *app) unlock() {
	a.activity = menu.Activity{Unlocking: true}
	a.quick.Go(func() {
		a.engine.Status(session.Patient(a.ctx))
		a.queue.post(func() { a.ended("", nil) })
	})
}

// putBack gives Claude Code the login back that made room for ours.
func (a *app) putBack() {
	a.change(menu.Activity{Mirroring: true}, a.words.PutBackFailed, notify.Notice{Title: a.words.DonePutBack},
		func(ctx context.Context) error {
			_, err := a.engine.Undo(ctx)
			return err
		})
}

// takeOver keeps a copy of the login that Claude Code has.
func (a *app) takeOver() {
	done := notify.Notice{Title: a.words.DoneTakenOver, Body: a.words.DoneTakenOverBody}
	a.change(menu.Activity{Mirroring: true}, a.words.TakeOverFailed, done, func(ctx context.Context) error {
		_, err := a.engine.ImportClaudeCode(ctx, session.ImportOptions{})
		return err
	})
}

// removeAccount signs out of one account, here and wherever it was written.
func (a *app) removeAccount(account string) {
	done := notify.Notice{Title: fmt.Sprintf(a.words.DoneRemoved, menu.Label(a.status, account))}
	a.change(menu.Activity{Leaving: true}, a.words.SignOutFailed, done, func(ctx context.Context) error {
		_, err := a.engine.SignOutOf(ctx, account, session.SignOutOptions{})
		return err
	})
}

// renameAccount asks for the new name on a page: no menu takes text.
func (a *app) renameAccount(account string) {
	w := a.words
	ask := callback.Ask{Label: w.RenameLabel, Button: w.RenameDo, Value: account,
		Answer: func(name string) (string, []string, bool) {
			err := a.engine.RenameAccount(session.Patient(a.ctx), account, name)
			a.queue.post(a.read)
			if err != nil {
				p := w.Problem(problemOf(w, err))
				a.log.Warn("an account could not be renamed", "code", p.Code)
				return w.RenameFailed, []string{menu.Sentences(p.Message, p.Hint)}, false
			}
			return fmt.Sprintf(w.DoneRenamed, name), nil, true
		}}
	a.present(callback.Sheet{Language: a.language(), Title: w.Renaming,
		Lines: []string{menu.Label(a.status, account), w.RenameBody}, Ask: &ask}, askLife, func() {})
}

// change does what a click asked for, and tells that it is done or that it failed.
func (a *app) change(doing menu.Activity, failed string, done notify.Notice, do func(context.Context) error) {
	a.activity = doing
	a.quick.Go(func() {
		err := do(session.Patient(a.ctx))
		a.queue.post(func() {
			a.ended(failed, err)
			if err == nil {
				a.tell(done)
			}
		})
	})
}

func (a *app) startsAtLogin() bool {
	if a.options.atLogin == nil {
		return false
	}
	state, err := a.options.atLogin.State()
	return err == nil && state.On
}

func (a *app) startAtLogin(on bool) {
	a.quick.Go(func() {
		err := a.options.atLogin.Set(on)
		starts := a.startsAtLogin()
		a.queue.post(func() {
			a.around.Starts = starts
			if err != nil {
				a.log.Warn("start at login could not be changed", "error", err)
				a.tell(notify.Notice{Title: a.words.AtLoginFailed, Body: menu.Sentences(a.words.UnexpectedHint)})
			}
		})
	})
}

// showLent tells how a lent place stands.
func (a *app) showLent(p session.PlaceStatus) {
	a.inform(menu.LentName(p, a.around.Home), a.words.LentDetail(p, a.wall())...)
}

// showWrong tells on a page how it stands and what happened, and puts on the clipboard what
// others need who help: that is English, and so no part of the page, unless there is no
// clipboard.
func (a *app) showWrong() {
	w := a.words
	lines := append(a.standing(), menu.Happened(w, a.status, a.around.Events, a.wall())...)
	a.quick.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, diagnoseWait)
		defer cancel()
		why := a.engine.Why(ctx)
		if a.options.copy(ctx, why) == nil {
			lines = append(lines, w.WrongCopied)
		} else {
			lines = append(lines, w.WrongForOthers, why)
		}
		a.queue.post(func() { a.page(w.Wrong, lines...) })
	})
}

// showStatus says in a notification what the first lines say: the arrow keys go past
// lines that cannot be clicked, so not everybody gets to read those.
func (a *app) showStatus() {
	lines := a.standing()
	a.inform(lines[0], lines[1:]...)
}

// standing is what the first lines of the menu say.
func (a *app) standing() []string {
	who, ends, there, kept := menu.Heading(a.words, a.status, a.wall())
	p, hint := menu.Problem(a.words, a.status, a.activity)
	if !hint {
		p.Hint = ""
	}
	return slices.DeleteFunc([]string{who, ends, there, kept, p.Message, p.Hint},
		func(line string) bool { return line == "" })
}

func (a *app) showLog() {
	w, path := a.words, a.options.LogPath
	a.quick.Go(func() {
		said := notify.Notice{}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			said = notify.Notice{Title: w.NoLog, Body: fmt.Sprintf(w.NoLogBody, path)}
		} else if err := a.options.OpenLog(a.ctx, path); err != nil {
			said = notify.Notice{Title: w.LogNotOpened, Body: fmt.Sprintf(w.LogNotOpenedBody, path)}
		}
		if said.Title != "" {
			a.queue.post(func() { a.tell(said) })
		}
	})
}
