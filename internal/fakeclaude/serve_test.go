package fakeclaude

import (
	"context"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"keytender/internal/testguard"
)

// The demo's server takes a whole sign-in, and ends although a browser holds a connection on
// which it never asked anything.
func TestSmall(t *testing.T) {
	s, err := StartSmall()
	if err != nil {
		t.Fatal(err)
	}
	idle, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	w := newWalker(t, s)
	if status, fields := w.exchange(w.code()); status != 200 || fields["access_token"] == nil {
		t.Errorf("exchange: %d %v", status, fields)
	}
	if location, err := s.Decline(context.Background(), w.authorizeURL()); err != nil ||
		query(t, location).Get("error") != "access_denied" {
		t.Errorf("declined: %q, %v", location, err)
	}
	if _, err := s.Approve(context.Background(), s.URL()+"/elsewhere"); err == nil {
		t.Error("a page that is none was approved")
	}
	start := testguard.Start()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start.Within(t, requestLimit/3, "the end")
	if err := s.Online(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Approve(context.Background(), w.authorizeURL()); err == nil {
		t.Error("a closed server answered")
	}
	_ = s.Close()
	goleak.VerifyNone(t)
}
