package fakeclaude

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/chromedp"

	"keytender/internal/testguard"
)

// buttonNamed finds a button by its accessible name, as a screen reader does.
func buttonNamed(name string) chromedp.QueryOption {
	return chromedp.ByFunc(func(ctx context.Context, t *chromedp.Target, root *chromedp.Node) ([]cdp.NodeID, error) {
		found, err := cdp.Call(ctx, t, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{
			NodeID: root.NodeID, AccessibleName: name, Role: "button",
		})
		if err != nil {
			return nil, err
		}
		var ids []cdp.BackendNodeID
		for _, node := range found.Nodes {
			ids = append(ids, node.BackendDOMNodeID)
		}
		pushed, err := cdp.Call(ctx, t, dom.PushNodesByBackendIDsToFrontend,
			dom.PushNodesByBackendIDsToFrontendParams{BackendNodeIDs: ids})
		return pushed.NodeIDs, err
	})
}

// TestChromium clicks both buttons with the mouse in a real browser and looks at the
// request that then reaches a loopback listener: the callback's gate must be able to
// take it.
func TestChromium(t *testing.T) {
	testguard.Slow(t)
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium on this machine")
	}
	s := start(t, Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan *http.Request, 8)
	callback := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback" {
			came <- r
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<p id="end">The end</p>`)
		}
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = callback.Serve(listener) }()
	defer func() { callback.Close(); <-served }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	w := newWalker(t, s)
	w.redirect = "http://localhost:" + port + "/callback"

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("no-proxy-server", true))
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	for _, name := range []string{"Decline", "Allow"} {
		// Waiting for the end: a second navigation would abort the first.
		if err := chromedp.Do(ctx, chromedp.Navigate(w.authorizeURL()), chromedp.Click("", buttonNamed(name)),
			chromedp.WaitReady("#end")); err != nil {
			t.Fatalf("clicking %s: %v", name, err)
		}
		var r *http.Request
		select {
		case r = <-came:
		case <-ctx.Done():
			t.Fatalf("%s led nowhere", name)
		}
		q := r.URL.Query()
		if r.Method != "GET" || q.Get("state") != w.state || q.Has("code") != (name == "Allow") ||
			q.Has("error") != (name == "Decline") {
			t.Errorf("%s: %s %s", name, r.Method, r.URL)
		}
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Dest") != "document" ||
			strings.Contains(r.Referer(), "state") {
			t.Errorf("%s came with %v", name, r.Header)
		}
	}
	if err := chromedp.Cancel(ctx); err != nil {
		t.Error(err)
	}
}
