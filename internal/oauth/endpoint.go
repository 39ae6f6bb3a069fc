package oauth

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// endpoint reads a URL that secrets are sent to or come from: https, or http on
// this machine alone, and without a password in it. Its errors do not repeat the
// URL, which may hold one.
func endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("it is not a URL with a host")
	case u.User != nil:
		return nil, errors.New("it holds a user name or password")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	default:
		return nil, errors.New("it is neither https nor http on this machine")
	}
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
