package fakeclaude

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBody is more than the real client ever sends.
const maxBody = 32 << 20

// routes are the calls of programs; pages for people are in consent.go.
var routes = map[string]struct{ method, kind string }{
	tokenPath:                              {"POST", "token"},
	revokePath:                             {"POST", "revoke"},
	"/api/oauth/profile":                   {"GET", "profile"},
	"/api/oauth/claude_cli/roles":          {"GET", "roles"},
	"/api/oauth/claude_cli/create_api_key": {"POST", "create_api_key"},
	"/v1/models":                           {"GET", "models"},
	"/v1/messages":                         {"POST", "messages"},
	"/v1/messages/count_tokens":            {"POST", "count_tokens"},
	"/api/hello":                           {"GET", "hello"},
	"/v1/oauth/hello":                      {"GET", "hello"},
}

// response is what a call gets: fields as a JSON object, or raw as it is.
type response struct {
	status int
	header map[string]string
	fields map[string]any
	raw    string
}

// apiError is an error in the API's shape.
func apiError(status int, message string) response {
	kind := map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
		404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error",
	}[status]
	if kind == "" {
		kind = "api_error"
	}
	return response{status: status, fields: map[string]any{
		"type": "error", "error": map[string]any{"type": kind, "message": message},
	}}
}

// serveCall answers a program, spoiled by the fault that is next for it.
func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	route, known := routes[r.URL.Path]
	kind := route.kind
	if !known || r.Method != route.method && !(r.Method == "HEAD" && route.method == "GET") {
		kind = "other"
	}

	fault, unread := s.takeFault(true, func(f Fault) bool {
		return f.fits(kind) || kind == "token" && (f.fits("exchange") || f.fits("renew"))
	})
	if unread {
		record := s.note(kind, r, nil)
		if s.wait(r.Context(), fault.Delay) == nil {
			s.strike(w, r, record, fault)
		}
		return
	}

	fields, unreadable := readFields(r, s.Behaviour().Forms || kind != "token")
	if kind == "token" {
		switch fields["grant_type"] {
		case "authorization_code":
			kind = "exchange"
		case "refresh_token":
			kind = "renew"
		}
	}
	record := s.note(kind, r, fields)
	fault, _ = s.takeFault(false, func(f Fault) bool { return f.fits(kind) })
	if s.wait(r.Context(), fault.Delay) != nil {
		return
	}
	if fault.When != Processed && s.strike(w, r, record, fault) {
		return
	}

	b := s.Behaviour()
	omit := fault.Omit
	if kind == "exchange" || kind == "renew" {
		omit = append(b.Omit, omit...)
	}
	var a response
	switch {
	case b.Refuse[kind] == 403 && (kind == "models" || kind == "messages"):
		a = apiError(403, restrictedMessage)
	case b.Refuse[kind] != 0:
		a = refused(b.Refuse[kind])
	case unreadable != nil:
		a = apiError(400, unreadable.Error())
	case kind == "other" && known:
		a = apiError(405, "Method not allowed")
		a.header = map[string]string{"Allow": route.method}
	default:
		a = s.process(kind, r, fields, omit)
	}
	if b.OnToken != nil && (kind == "exchange" || kind == "renew") {
		b.OnToken(fields["grant_type"])
	}
	if a.status == 200 && a.fields != nil {
		for _, name := range omit {
			delete(a.fields, name)
		}
		for name, raw := range fault.Replace {
			a.fields[name] = raw
		}
	}
	if fault.When == Processed && s.strike(w, r, record, fault) {
		return
	}
	s.answered(record, a.status)
	send(w, a, fault.CutAfter)
}

// process does what a call of this kind asks for.
func (s *Server) process(kind string, r *http.Request, fields map[string]string, omit []string) response {
	switch kind {
	case "exchange":
		return s.exchange(fields, omit)
	case "renew":
		return s.renew(fields, omit)
	case "token":
		return s.Behaviour().oauthError(400, "unsupported_grant_type", "The grant type is missing or unknown.")
	case "revoke":
		return s.revoke(fields)
	case "other":
		return apiError(404, "Not found")
	default:
		return s.api(kind, r, fields)
	}
}

// strike lets the fault happen and reports whether the call ends with it.
func (s *Server) strike(w http.ResponseWriter, r *http.Request, record *Record, fault Fault) bool {
	switch {
	case fault.Silent:
		return s.hold(r.Context()) != nil
	case fault.Reset:
		reset(w)
		return true
	case fault.Status != 0:
		a := response{raw: fault.Body}
		if fault.Body == "" && fault.Status >= 400 {
			a = refused(fault.Status)
		}
		a.status, a.header = fault.Status, fault.Header
		s.answered(record, a.status)
		send(w, a, fault.CutAfter)
		return true
	}
	return false
}

// refused is a response that says no more than its status.
func refused(status int) response {
	reason := http.StatusText(status)
	if reason == "" {
		reason = fmt.Sprintf("Status %d", status)
	}
	return apiError(status, reason)
}

// reset closes the connection so that the client sees ECONNRESET.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// send writes the response, or its first cut bytes when cut is not 0.
func send(w http.ResponseWriter, a response, cut int) {
	body := []byte(a.raw)
	if a.fields != nil {
		var err error
		if body, err = json.Marshal(a.fields); err != nil {
			// A Replace that is no JSON: show it to the test that wrote it.
			body = []byte(err.Error())
		}
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store") // RFC 6749 §5.1
	header.Set("Content-Length", strconv.Itoa(len(body)))
	for name, value := range a.header {
		header.Set(name, value)
	}
	w.WriteHeader(a.status)
	if cut <= 0 || cut >= len(body) {
		_, _ = w.Write(body)
		return
	}
	_, _ = w.Write(body[:cut])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler) // closes the connection with the body unfinished
}

var errBody = errors.New("the request body is not valid JSON")

// readFields reads the body's top-level keys; a value that is no string is kept as
// JSON. An empty body has none.
func readFields(r *http.Request, forms bool) (map[string]string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	fields := map[string]string{}
	if err != nil || len(body) == 0 {
		return fields, err
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" && forms {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errBody
		}
		for key, list := range values {
			if len(list) > 1 {
				return nil, fmt.Errorf("the parameter %s is repeated", key) // RFC 6749 §3.2
			}
			fields[key] = list[0]
		}
		return fields, nil
	}
	if kind != "application/json" {
		return nil, errors.New("the Content-Type must be application/json")
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return nil, errBody
	}
	for key, raw := range object {
		text := string(raw)
		// expires_in is a number: quoted it stays quoted, and is refused for it.
		if strings.HasPrefix(text, `"`) && key != "expires_in" {
			_ = json.Unmarshal(raw, &text)
		}
		fields[key] = text
	}
	return fields, nil
}

// oauthError is an error as RFC 6749 §5.2 shapes it, or nested when switched so.
func (b Behaviour) oauthError(status int, code, description string) response {
	if b.NestedErrors {
		return response{status: status, fields: map[string]any{
			"type": "error", "error": map[string]any{"type": code, "message": description},
		}}
	}
	return response{status: status, fields: map[string]any{"error": code, "error_description": description}}
}

// refusedScope returns the first scope that is not known or switched off.
func (b Behaviour) refusedScope(scopes []string) string {
	for _, scope := range scopes {
		if !slices.Contains(knownScopes, scope) || slices.Contains(b.RefuseScopes, scope) {
			return scope
		}
	}
	return ""
}
