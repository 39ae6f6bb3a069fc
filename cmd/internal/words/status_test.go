package words

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"keytender/internal/session"
)

// What the system or an earlier version said of a place is shown as it is, and what we say of it in
// words. The object of --json stays as it was when the engine said it.
func TestPlacesInWords(t *testing.T) {
	const object = `{"id":"i","place":%q,"kind":"entry","account":"a","state":"behind","since":null,` +
		`"reason":%q,"refreshToken":true}`
	text := func(said string) *session.Reason { return &session.Reason{Text: said} }
	for _, c := range []struct {
		place, shown string
		because      *session.Reason
		reason       string
	}{
		{"/x", "/x", nil, ""},
		{"keychain", "keychain (OS keychain, item keytender)", nil, ""},
		{"file /x", "file /x", nil, ""},
		{"/x", "/x", text("no space left on device"), "no space left on device"},
		{"/x", "/x", text("it said let-go {path}"), "it said let-go {path}"},
		{"/x", "/x", &session.Reason{Remark: session.RemarkLetGo}, "you let go of it"},
		{"/x", "/x", &session.Reason{Remark: session.RemarkLeaving, Values: &session.Values{
			Account: "ann", ID: "file:/x"}},
			"signed out of ann, but it could not be taken out, which is tried again; " +
				"`keytender places forget 'file:/x'` leaves it there"},
		{"/x", "/x", &session.Reason{Remark: session.RemarkLoginOf, Values: &session.Values{Owner: "ann"}},
			"the login of ann"},
		{"/x", "/x", &session.Reason{Remark: session.RemarkLoginOf}, "the login of somebody who is not known"},
		{"/x", "/x", &session.Reason{Fault: session.FaultEntryUnwritable, Values: &session.Values{Reason: "r"}},
			"Claude Code's entry cannot be written: r"},
		{"/x", "/x", &session.Reason{Fault: session.FaultEntryUnread, Values: &session.Values{
			Because: &session.Reason{Fault: session.FaultStoreLocked,
				Values: &session.Values{Reason: "it is locked"}}}},
			"Claude Code's entry cannot be read: it is locked"},
	} {
		st := session.Status{Places: []session.PlaceStatus{{ID: "i", Place: c.place, Kind: "entry",
			Account: "a", State: session.PlaceBehind, Because: c.because, RefreshToken: true}}}
		Status(&st)
		got, err := json.Marshal(st.Places[0])
		if want := fmt.Sprintf(object, c.shown, c.reason); err != nil || string(got) != want {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}

// Why nothing is sent: a sentence of an earlier version or of the server as it is, our remark in words.
func TestWhatIsWaitedForInWords(t *testing.T) {
	const sentence = "the server's last response was incomplete"
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.Local)
	for name, v := range map[string]session.Values{
		"an earlier version's sentence": {Reason: sentence, At: at},
		"a remark":                      {Because: &session.Reason{Remark: session.RemarkIncomplete}, At: at},
	} {
		p := &session.Problem{Code: "try-later", Err: &session.Error{Fault: session.FaultWaitsUntil, Values: v,
			Err: errors.New("what is behind it")}}
		hint := "try again after " + at.Format("15:04:05 MST") + "; the login is as good as before"
		if Status(&session.Status{Problem: p}); p.Message != sentence || p.Hint != hint {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// The first of several counts, whether it is the engine's or a command's own.
func TestKnownErrors(t *testing.T) {
	ours := &session.Error{Code: "signed-out", Exit: 3, Fault: session.FaultSignedOut}
	own := &Error{Code: "no-gh", Exit: 1, Message: "m", Hint: "h", Err: ours}
	message, hint, _ := Of(ours)
	for name, c := range map[string]struct {
		err  error
		want Error
	}{
		"the engine's":   {ours, Error{Code: "signed-out", Exit: 3, Message: message, Hint: hint}},
		"a command's":    {own, Error{Code: "no-gh", Exit: 1, Message: "m", Hint: "h"}},
		"within another": {fmt.Errorf("x: %w", own), Error{Code: "no-gh", Exit: 1, Message: "m", Hint: "h"}},
		"the engine's comes first": {errors.Join(ours, own),
			Error{Code: "signed-out", Exit: 3, Message: message, Hint: hint}},
		"a command's comes first": {errors.Join(own, ours), Error{Code: "no-gh", Exit: 1, Message: "m", Hint: "h"}},
	} {
		got := Known(c.err)
		if c.want.Err = c.err; got == nil || *got != c.want || !errors.Is(got, ours) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if other := errors.New("x"); Known(other) != nil || Plain(own) != "m" {
		t.Error(Known(other), Plain(own))
	}
}
