package fakeclaude

import (
	"fmt"
	"net"
	"testing"
)

// A request whose sender is gone before the server knew of it counts once the server settled.
func TestSettleWaitsForWhatIsOnItsWay(t *testing.T) {
	for range 50 {
		s, err := Start()
		if err != nil {
			t.Fatal(err)
		}
		_, refresh := s.Issue("a@example.com")
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q,"client_id":%q}`, refresh, ClientID)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			tokenPath, len(body), body)
		conn.Close()
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !s.Spent(refresh) {
			t.Fatal("the token is not spent yet")
		}
		s.Close()
	}
}
