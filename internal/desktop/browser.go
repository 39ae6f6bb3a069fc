//go:build linux

package desktop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/chromedp/remote"

	"keytender/internal/testguard"
)

func (d *Desktop) profile() string { return d.path("home", ".config", "kt-browser") }

// installBrowser makes Chromium the default browser that xdg-open finds. It runs in a
// visible window and starts when something is opened. It resolves no name but
// localhost and sends everything else to a closed port.
func (d *Desktop) installBrowser() {
	d.t.Helper()
	flags := []string{
		"--user-data-dir=" + d.profile(), "--password-store=basic", "--no-first-run", "--no-default-browser-check",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-domain-reliability",
		"--disable-breakpad", "--disable-features=MediaRouter,OptimizationHints,Translate",
		"--disable-gpu", "--disable-dev-shm-usage", "--hide-crash-restore-bubble",
		"--proxy-server=http://127.0.0.1:9",
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1 , EXCLUDE [::1]",
		"--remote-debugging-address=127.0.0.1", "--remote-debugging-port=0",
		"--window-position=40,60", "--window-size=1000,640",
	}
	if os.Getuid() == 0 {
		// Chromium's sandbox does not work for root; --test-type hides the bar that says so.
		flags = append(flags, "--no-sandbox", "--test-type")
	}
	var quoted strings.Builder
	for _, flag := range flags {
		quoted.WriteString(" '" + flag + "'")
	}
	d.script(fmt.Sprintf("printf '%%s\\n' \"$*\" >>'%s'\nexec %s%s \"$@\" >>'%s' 2>&1",
		d.path("urls"), program(chromium), &quoted, d.path("log", "browser")), "bin", "kt-browser")
	d.write("[Desktop Entry]\nType=Application\nName=Browser\nExec="+d.path("bin", "kt-browser")+" %u\n"+
		"MimeType=text/html;x-scheme-handler/http;x-scheme-handler/https;\n",
		"home", ".local", "share", "applications", "kt-browser.desktop")
	d.write("[Default Applications]\ntext/html=kt-browser.desktop\nx-scheme-handler/http=kt-browser.desktop\n"+
		"x-scheme-handler/https=kt-browser.desktop\n", "home", ".config", "mimeapps.list")
}

// refuseBrowser is a machine where xdg-open finds nothing to open pages with.
func (d *Desktop) refuseBrowser() {
	d.t.Helper()
	d.script("echo 'xdg-open: no method available for opening' >&2\nexit 3", "bin", "xdg-open")
	for _, other := range []string{"x-www-browser", "www-browser"} {
		d.script("exit 3", "bin", other)
	}
}

// BrowserURLs are the addresses that programs asked the browser to open, oldest first.
func (d *Desktop) BrowserURLs() []string {
	text, _ := os.ReadFile(d.path("urls"))
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// Page is a tab of the visible browser. What it holds is read through Chromium's
// debugging port; clicking in it is the pointer's.
type Page struct {
	d  *Desktop
	ws string // where its debugger answers
}

// tab is an entry of what the debugging port lists.
type tab struct {
	Type, URL            string
	WebSocketDebuggerURL string
}

// tabs lists the open pages; an error while the browser is still starting.
func (d *Desktop) tabs() (open []tab, err error) {
	text, err := os.ReadFile(filepath.Join(d.profile(), "DevToolsActivePort"))
	if err != nil {
		return nil, err
	}
	port, _, _ := strings.Cut(string(text), "\n")
	client := http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://127.0.0.1:" + port + "/json/list")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return open, json.NewDecoder(response.Body).Decode(&open)
}

// WaitPage waits for a tab whose address starts with prefix. A first page may take
// seconds: the browser starts for it.
func (d *Desktop) WaitPage(prefix string) *Page {
	d.t.Helper()
	for end := time.Now().Add(testguard.Patience); ; time.Sleep(100 * time.Millisecond) {
		open, err := d.tabs()
		for _, tab := range open {
			if tab.Type == "page" && strings.HasPrefix(tab.URL, prefix) {
				return &Page{d, tab.WebSocketDebuggerURL}
			}
		}
		if time.Now().After(end) {
			d.fail("no page at %s within %s; open: %+v (%v)", prefix, testguard.Patience, open, err)
		}
	}
}

// evaluate runs a JavaScript expression in the page. One command on a connection of
// its own changes nothing else in the page, which whole automation libraries do.
func evaluate[T any](p *Page, expression string) (value T, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := remote.DialContext(ctx, p.ws)
	if err != nil {
		return value, fmt.Errorf("reaching the page: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	command, err := json.Marshal(map[string]any{"expression": expression, "returnByValue": true})
	if err != nil {
		return value, err
	}
	if err := conn.Write(ctx, &cdproto.Message{ID: 1, Method: "Runtime.evaluate", Params: command}); err != nil {
		return value, fmt.Errorf("asking the page: %w", err)
	}
	var reply cdproto.Message
	for reply.ID != 1 {
		if err := conn.Read(ctx, &reply); err != nil {
			return value, fmt.Errorf("asking the page: %w", err)
		}
	}
	var got struct {
		Result           struct{ Value T }
		ExceptionDetails *struct{ Text string }
	}
	if err := json.Unmarshal(reply.Result, &got); err != nil {
		return value, fmt.Errorf("asking the page: %w", err)
	}
	if got.ExceptionDetails != nil {
		return value, fmt.Errorf("in the page: %s", got.ExceptionDetails.Text)
	}
	return got.Result.Value, nil
}

// URL is the page's address.
func (p *Page) URL() string {
	text, _ := evaluate[string](p, `location.href`)
	return text
}

// Text is what the page shows.
func (p *Page) Text() string {
	text, _ := evaluate[string](p, `document.body ? document.body.innerText : ""`)
	return text
}

// WaitText waits until the page shows text.
func (p *Page) WaitText(text string) {
	p.d.t.Helper()
	seen := ""
	for end := time.Now().Add(testguard.Patience); ; time.Sleep(100 * time.Millisecond) {
		if seen = p.Text(); strings.Contains(seen, text) {
			return
		}
		if time.Now().After(end) {
			p.d.fail("%s does not show %q within %s but %q", p.URL(), text, testguard.Patience, seen)
		}
	}
}

// Click clicks the button, link or field of that label with the pointer.
//
// Where the page lies in its window, no property says. A first move of the pointer
// tells: a page's event knows its place on the screen and on the page.
func (p *Page) Click(label string) {
	p.d.t.Helper()
	name, _ := json.Marshal(label)
	type point struct{ X, Y, W, H, OuterX, OuterY, OuterW, OuterH float64 }
	var at *point
	p.d.wait("the button "+label, func() bool {
		at, _ = evaluate[*point](p, fmt.Sprintf(`(() => {
			const e = [...document.querySelectorAll("a, button, input, label, summary")].find(e =>
				(e.innerText || e.value || e.ariaLabel || "").trim() === %s && e.getClientRects().length);
			if (!e) return null;
			e.scrollIntoView({block: "center"});
			const r = e.getBoundingClientRect();
			if (!window.ktMoved) addEventListener("mousemove", e =>
				window.ktMoved = {X: e.screenX - e.clientX, Y: e.screenY - e.clientY});
			return {X: r.x, Y: r.y, W: r.width, H: r.height,
				OuterX: screenX, OuterY: screenY, OuterW: outerWidth, OuterH: outerHeight};
		})()`, name))
		return at != nil && at.W > 0
	})
	var origin *point
	shift := 0
	p.d.wait("the page to see the pointer", func() bool {
		shift = 1 - shift // only a pointer that moves is seen
		x, y := int(at.OuterX+at.OuterW/2)+shift, int(at.OuterY+at.OuterH*2/3)
		if _, err := p.d.Run("xdotool", "mousemove", strconv.Itoa(x), strconv.Itoa(y), "sleep", "0.1"); err != nil {
			p.d.fail("%v", err)
		}
		origin, _ = evaluate[*point](p, `window.ktMoved || null`)
		return origin != nil
	})
	p.d.click(int(origin.X+at.X+at.W/2), int(origin.Y+at.Y+at.H/2))
}
