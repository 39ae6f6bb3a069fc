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

// Of these variables Go's own library is the reader, and one that it cannot use it
// leaves out in silence: the connection would go without the proxy that the person set,
// or trust more than the file that they named.

func checkNetwork(lookup func(string) (string, bool), goos string) error {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} { // the first that is set counts
		value, set := lookup(name)
		if !set || value == "" {
			continue
		}
		if err := checkProxy(value); err != nil {
			return &Error{Name: name, Reason: err.Error(), Hint: "correct it in the environment (say http://proxy.example:3128), or unset it to connect directly"}
		}
		break
	}
	// Windows and macOS trust what their own settings say, whatever this variable names.
	if file, set := lookup("SSL_CERT_FILE"); set && file != "" && goos != "windows" && goos != "darwin" {
		if err := checkCertificates(file); err != nil {
			return &Error{Name: "SSL_CERT_FILE", Reason: err.Error(), Hint: "name a file of PEM certificates in the environment, or unset it to trust what the system trusts"}
		}
	}
	return nil
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

const maxCertificates = 16 << 20

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
	text, err := io.ReadAll(io.LimitReader(f, maxCertificates))
	if err != nil {
		return errors.New(visible(path) + " cannot be read")
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			return nil
		}
	}
	return errors.New("there is no certificate in " + visible(path))
}
