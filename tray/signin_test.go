package tray

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keytender/internal/session"
	"keytender/tray/menu"
)

// TestAPlainFileIsSaidBeforeTheBrowserOpens, together with the terms: a second
// notification would take the first one's place. Then it is said in the menu, too.
func TestAPlainFileIsSaidBeforeTheBrowserOpens(t *testing.T) {
	for _, item := range []menu.ID{menu.ItemSignIn, menu.ItemWithCode} {
		run(t, signedOutStatus, func(b *bench) {
			b.engine.signIn = func(ctx context.Context, o session.SignInOptions,
				tell func(session.Event)) (session.Status, error) {
				tell(session.Event{Kind: session.EventStore, Value: "file x", Detail: "no bus", Warn: true,
					Keep: session.InFile})
				tell(session.Event{Kind: session.EventTerms})
				time.Sleep(time.Second)
				if b.hasOpened() != nil {
					t.Error("the browser is open already")
				}
				kind := session.EventSignInURL
				if o.Method == "paste" {
					kind = session.EventPasteURL
				}
				tell(session.Event{Kind: kind, Value: "https://example.com/authorize"})
				tell(session.Event{Kind: session.EventWaiting, Left: time.Minute})
				<-ctx.Done()
				return session.Status{}, ctx.Err()
			}
			b.click(item)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			b.wantMenu("# Will be kept in a plain file: there is no keychain")
			if n := len(b.notifier.told); n != 1 {
				b.Fatalf("%d notifications", n)
			}
			for _, text := range []string{b.app.words.BeforeSignInBody, b.app.words.PlainFileBody} {
				if !strings.Contains(b.notifier.told[0].Body, text) {
					b.Errorf("not told: %s", text)
				}
			}
			b.click(menu.ItemCancel)
		})
	}
}

// TestNotesOfASignInAreTold in the app's words, not in the engine's.
func TestNotesOfASignInAreTold(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		b.engine.signIn = func(ctx context.Context, _ session.SignInOptions, tell func(session.Event)) (session.Status,
			error) {
			for _, e := range []session.Event{
				{Note: session.NoteServerWaits, Left: 90 * time.Second, Value: "FAKE"},
				{Note: session.NoteWhose, Value: "FAKE"},
				{Note: session.NoteFormerKept, Value: "FAKE"}, {Value: "FAKE"},
			} {
				e.Kind = session.EventNote
				tell(e)
			}
			time.Sleep(time.Second)
			return session.Status{State: session.SignedIn, Stores: []session.StoreState{{Name: "file", State: "ok"}}},
				nil
		}
		b.click(menu.ItemSignIn)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		b.wantTold("The server asks to wait 2 min", "Signed in")
		w := b.app.words
		if got, want := b.notifier.told[1].Body, menu.Sentences(w.DoneKeptInFile, w.WhoseUnknown,
			w.FormerKept); got != want {
			b.Errorf("told %q, want %q", got, want)
		}
	})
}
