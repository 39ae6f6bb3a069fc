package fakeclaude

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keytender/internal/pattern"
)

// Approve does what a person's click on Allow does, without a browser: it opens the
// page at authorizeURL, sends the form, and returns where the server redirects to.
// It follows no redirect and goes nowhere else. When the server redirects at once,
// with an error, that is returned too.
func Approve(ctx context.Context, authorizeURL string) (redirectLocation string, err error) {
	return click(ctx, authorizeURL, "allow")
}

// Decline is Approve's other button.
func Decline(ctx context.Context, authorizeURL string) (redirectLocation string, err error) {
	return click(ctx, authorizeURL, "decline")
}

var (
	ticketField    = pattern.New(`name="ticket" value="([^"]+)"`)
	problemMessage = pattern.New(`(?s)<h1>.*?</h1>\s*<p>(.*?)</p>`)
)

// unescape takes back what assets.Text did to the server's own text.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&")

func click(ctx context.Context, authorizeURL, decision string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true} // and no proxy: it is on loopback

	request, err := http.NewRequestWithContext(ctx, "GET", authorizeURL, nil)
	if err != nil {
		return "", fmt.Errorf("opening the sign-in page: %w", err)
	}
	location, body, err := fetch(transport, request)
	if err != nil || location != "" {
		return location, err
	}
	found := ticketField().FindStringSubmatch(body)
	if found == nil {
		return "", errors.New("the sign-in page has no buttons")
	}
	form := url.Values{"ticket": {found[1]}, "decision": {decision}}
	target := request.URL.ResolveReference(&url.URL{Path: decisionPath})
	request, err = http.NewRequestWithContext(ctx, "POST", target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("answering the sign-in page: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	location, _, err = fetch(transport, request)
	if err == nil && location == "" {
		err = errors.New("the sign-in page did not redirect")
	}
	return location, err
}

// fetch sends one page request and returns the redirect or the page's text.
func fetch(transport *http.Transport, request *http.Request) (location, body string, err error) {
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", "", fmt.Errorf("asking the stand-in server: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", "", fmt.Errorf("reading the stand-in page: %w", err)
	}
	if to, err := response.Location(); err == nil {
		return to.String(), "", nil
	}
	if response.StatusCode != http.StatusOK {
		reason := response.Status
		if found := problemMessage().FindSubmatch(text); found != nil {
			reason = unescape.Replace(string(found[1]))
		}
		return "", "", fmt.Errorf("the sign-in page refused: %s", reason)
	}
	return "", string(text), nil
}
