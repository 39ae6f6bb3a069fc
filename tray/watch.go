package tray

import "keytender/internal/session"

// setWatch chooses watch-only, or the way back. The next reading shows it.
func (a *app) setWatch(on bool) {
	a.quick.Go(func() {
		err := a.engine.SetWatch(session.Patient(a.ctx), on)
		a.queue.post(func() {
			a.read()
			if err != nil && a.ctx.Err() == nil {
				a.fail(a.words.Trouble, err)
			}
		})
	})
}
