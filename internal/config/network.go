package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// everywhere are variables that every program knows. Go's own library is their reader, and
// so are the programs that we start; what it cannot use it leaves out in silence: the
// connection would go without the proxy that the person set, or trust more than the file
// that they named. So they are checked here, and where one is not set a key of config.toml
// stands in: an app that begins with the desktop has no shell's variables.
var everywhere = []struct {
	names []string                                    // the first that is set counts
	key   func(text string) (value string, err error) // what a key's text says as a variable
	check func(value, goos string) error              // of a value that is set
}{
	{[]string{"HTTPS_PROXY", "https_proxy"}, asItStands, func(value, _ string) error { return checkProxy(value) }},
	{[]string{"NO_PROXY", "no_proxy"}, asList, func(string, string) error { return nil }},
	{[]string{"SSL_CERT_FILE"}, asItStands, func(value, goos string) error {
		if goos == "windows" || goos == "darwin" {
			return nil // they trust what their own settings say, whatever this variable names
		}
		return checkCertificates(value)
	}},
	{[]string{"NO_COLOR"}, asSwitch, func(string, string) error { return nil }},
}

func asItStands(text string) (string, error) { return text, nil }

func asList(text string) (string, error) { return strings.Join(strings.Fields(text), ","), nil }

// asSwitch: any text switches the variable on; a key of ours reads as it says.
func asSwitch(text string) (string, error) {
	var on bool
	if err := boolean(func(*Config) *bool { return &on })(nil, text); err != nil && text != "" {
		return "", err
	}
	if on {
		return "1", nil
	}
	return "", nil
}

// takeEverywhere takes them over from the file and from the environment, which counts more.
func (c *Config) takeEverywhere(lookup func(string) (string, bool), file map[string]string, goos string) error {
	for _, v := range everywhere {
		name := v.names[0]
		if text, ok := file[keyOf(name)]; ok {
			value, err := v.key(text)
			if err == nil && value != "" {
				err = v.check(value, goos)
			}
			if err != nil {
				return &Error{Name: keyOf(name), Reason: err.Error(),
					Hint: "correct it in " + c.Paths.ConfigFile + ", or remove it"}
			}
			c.environ[name], c.Origin[name] = value, Origin{withoutUser(name, value), c.Paths.ConfigFile}
		}
		for _, variable := range v.names {
			value, ok := lookup(variable)
			if !ok || value == "" {
				continue
			}
			if err := v.check(value, goos); err != nil {
				return &Error{Name: variable, Reason: err.Error(), Hint: "correct it in the environment, or remove it"}
			}
			c.Origin[name] = Origin{withoutUser(name, value), "environment"}
			delete(c.environ, name)
			break
		}
	}
	return nil
}

// Export sets the variables for which config.toml stands in. Go's library reads them once,
// at the first connection, so a program calls this before anything else.
func (c Config) Export() error {
	for name, value := range c.environ {
		if err := os.Setenv(name, value); err != nil {
			return &Error{Name: keyOf(name), Reason: "it cannot be used as a variable",
				Hint: "correct it in " + c.Paths.ConfigFile}
		}
	}
	return nil
}

// withoutUser takes name and password out of a proxy's address.
func withoutUser(name, text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 && name == "HTTPS_PROXY" {
		scheme, _, found := strings.Cut(text[:at], "://")
		if text = text[at+1:]; found {
			text = scheme + "://" + text
		}
	}
	return text
}

// checkProxy reads a proxy's address as net/http does: without a scheme it is http. Its
// errors never repeat it, since there may be a password in it.
func checkProxy(text string) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return errors.New("this is no address of a proxy (http://host:port)")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("its port is not between 1 and 65535")
		}
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return errors.New("a proxy is http, https, socks5 or socks5h")
	}
	return nil
}

const (
	maxCertificates  = 16 << 20
	firstCertificate = 8 << 10
)

// checkCertificates wants at least one certificate in the file.
func checkCertificates(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("there is no file " + visible(path))
	case err != nil:
		return errors.New(visible(path) + " cannot be read")
	case info.IsDir():
		return errors.New(visible(path) + " is a folder, not a file")
	case info.Mode()&os.ModeNamedPipe != 0:
		return errors.New(visible(path) + " is a pipe, not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return errors.New(visible(path) + " cannot be read")
	}
	defer f.Close()
	var text []byte
	// The first one mostly stands at the beginning, and every command comes here.
	for _, limit := range []int64{firstCertificate, maxCertificates} {
		more, err := io.ReadAll(io.LimitReader(f, limit))
		if err != nil {
			return errors.New(visible(path) + " cannot be read")
		}
		if text = append(text, more...); holdsCertificate(text) {
			return nil
		}
	}
	return errors.New("there is no certificate in " + visible(path))
}

func holdsCertificate(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			return true
		}
	}
	return false
}
