package faults

import (
	"fmt"
	"net/url"
)

// PasteText returns the CODE#STATE that the paste page shows at such a redirect.
func PasteText(redirectLocation string) (string, error) {
	u, err := url.Parse(redirectLocation)
	if err != nil {
		return "", err
	}
	q := u.Query()
	if q.Get("code") == "" {
		return "", fmt.Errorf("there is no code in the redirect, error is %q", q.Get("error"))
	}
	return q.Get("code") + "#" + q.Get("state"), nil
}
