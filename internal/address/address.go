// Package address reads the URLs that secrets are sent to or come from: https, or http on this
// machine alone. Its errors never repeat the URL: there may be a password in it.
package address

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// Parse returns the URL, or says why it is none that we use.
func Parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("not a URL (https://host/path)")
	case u.User != nil:
		return nil, errors.New("a URL with a user name or password in it is not accepted")
	case u.Scheme == "https", u.Scheme == "http" && Loopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, errors.New("plain http is accepted for this machine's own addresses only; use https")
	}
	return nil, errors.New("its scheme is not https")
}

// Loopback reports whether the host is this machine itself.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
