// Package faults has what a server may do amiss, for tests of who talks to the stand-in.
package faults

import (
	"encoding/json"

	"keytender/internal/fakeclaude"
)

// Throttle is a 429 with Retry-After, when that is not empty.
func Throttle(retryAfter string) fakeclaude.Fault { return asksToWait(429, retryAfter) }

// Unavailable is a 503 with Retry-After, when that is not empty.
func Unavailable(retryAfter string) fakeclaude.Fault { return asksToWait(503, retryAfter) }

func asksToWait(status int, retryAfter string) fakeclaude.Fault {
	f := fakeclaude.Fault{Status: status}
	if retryAfter != "" {
		f.Header = map[string]string{"Retry-After": retryAfter}
	}
	return f
}

// Refusal is an OAuth error as RFC 6749 §5.2 shapes it.
func Refusal(status int, code, description string) fakeclaude.Fault {
	body, _ := json.Marshal(map[string]string{"error": code, "error_description": description})
	return fakeclaude.Fault{Status: status, Body: string(body)}
}

// HTMLPage is what a captive portal or a proxy puts in the response's place.
func HTMLPage(status int) fakeclaude.Fault {
	return fakeclaude.Fault{
		Status: status,
		Header: map[string]string{"Content-Type": "text/html; charset=utf-8"},
		Body:   "<!doctype html><title>Welcome</title><h1>Accept the terms of this network</h1>",
	}
}

// Redirect sends the client elsewhere with its body (307).
func Redirect(to string) fakeclaude.Fault {
	return fakeclaude.Fault{Status: 307, Header: map[string]string{"Location": to}}
}

// Lost is the response that is lost after the tokens were rotated.
func Lost() fakeclaude.Fault { return fakeclaude.Fault{When: fakeclaude.Processed, Reset: true} }

// With sets one field of the response to raw JSON.
func With(field, raw string) fakeclaude.Fault {
	return fakeclaude.Fault{Replace: map[string]json.RawMessage{field: json.RawMessage(raw)}}
}

// Without leaves fields out of the response.
func Without(fields ...string) fakeclaude.Fault { return fakeclaude.Fault{Omit: fields} }
